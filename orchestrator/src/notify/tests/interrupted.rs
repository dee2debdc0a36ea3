//! Telling that somebody cuts short.

use std::cell::Cell;

use super::*;

/// Tells, and is cut short as soon as this holds.
fn told_until(ways: &Ways, is_due: impl Fn() -> bool) -> Vec<Notice> {
    let mut pause = |pause| {
        thread::sleep(pause);
        is_due()
    };
    tell(ways, &message(), &mut Waiting::by(&mut pause))
}

/// That these ways, cut short as soon as this holds, tell of so many tries each, and nobody.
fn check_cut_short(ways: &Ways, is_due: impl Fn() -> bool, tries: &[u32]) {
    let notices = told_until(ways, is_due);
    let found: Vec<_> = notices.iter().map(|notice| notice.tries).collect();
    assert_eq!(found, tries);
    for notice in notices {
        assert_eq!(notice.error.as_deref(), Some("interrupted"), "{notice:?}");
    }
}

#[test]
fn a_command_that_is_cut_short_is_ended_and_no_other_way_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let [child, begun] = ["child", "begun"].map(|name| folder.path().join(name));
    let server = Receiving::answering(&[OK]);
    let sent = folder.path().join("sent");
    let command = format!(
        "sleep 1000 & echo $! > {}; touch {}; wait",
        child.display(),
        begun.display()
    );
    let text = format!("touch {}", sent.display());
    let ways = Ways {
        command: Some(command),
        mail: Some(Mail::through(script(folder.path(), &text), &["root"])),
        ..to_webhook(&server.url, 1000)
    };
    check_cut_short(&ways, || begun.exists(), &[1, 0, 0]);
    assert!(is_gone(&child));
    assert!(server.requests().is_empty() && !sent.exists());
}

#[test]
fn mail_that_nobody_waits_for_any_more_may_not_have_been_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let [child, own, begun] = ["child", "own", "begun"].map(|name| folder.path().join(name));
    let text = format!(
        "sleep 1000 & echo $! > {}; echo $$ > {}; touch {}",
        child.display(),
        own.display(),
        begun.display()
    );
    let mail = Some(Mail::through(script(folder.path(), &text), &["root"]));
    let ways = Ways {
        mail,
        ..no_ways(1000)
    };
    // Once it is left to itself: before, it is ended with the program that was to send it.
    check_cut_short(&ways, || begun.exists() && is_gone(&own), &[1]);
    assert!(!is_gone(&child), "it goes on");
    let pid = fs::read_to_string(&child).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
}

#[test]
fn what_is_done_while_waiting_is_cut_short_is_told_as_done() {
    let folder = tempfile::tempdir().unwrap();
    let [own, go, parent] = ["own", "go", "parent"].map(|name| folder.path().join(name));
    let work = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; until [ -e {1} ]; do sleep 0.01; done",
        own.display(),
        go.display()
    );
    let check = |ways: &Ways| {
        for file in [&own, &go] {
            let _ = fs::remove_file(file);
        }
        // Whoever does the work ends in the pause after which nothing is waited for any more. It is the second one in which it is at work
        // alone: by then it is known that a parent is gone.
        let is_seen = Cell::new(false);
        let notice = only(told_until(ways, || {
            let is_at_work = own.exists() && (!parent.exists() || is_gone(&parent));
            if !is_seen.replace(is_at_work) {
                return false;
            }
            fs::write(&go, "").unwrap();
            while !is_gone(&own) {
                thread::sleep(Duration::from_millis(1));
            }
            true
        }));
        assert_eq!((notice.tries, notice.error), (1, None), "{}", notice.way);
    };
    check(&Ways {
        command: Some(work.clone()),
        ..no_ways(1000)
    });
    let in_background = format!("echo $$ > {}; sh -c '{work}' &", parent.display());
    for text in [work, in_background] {
        let mail = Some(Mail::through(script(folder.path(), &text), &["root"]));
        check(&Ways {
            mail,
            ..no_ways(1000)
        });
    }
}

#[test]
fn neither_an_answer_nor_the_next_try_is_waited_for_when_telling_is_cut_short() {
    let check = |answers: &'static [Answer], pause: Duration| {
        let server = Receiving::answering(answers);
        // Once the request is there; in a pause, as soon as one is long enough.
        let mut is_due = false;
        let ways = to_webhook(&server.url, 1000);
        let mut wait = |asked: Duration| {
            is_due |= asked >= pause && !server.requests().is_empty();
            thread::sleep(asked.min(Duration::from_millis(10)));
            is_due
        };
        let notice = only(tell(&ways, &message(), &mut Waiting::by(&mut wait)));
        assert_eq!(
            (notice.tries, notice.error.as_deref()),
            (1, Some("interrupted"))
        );
    };
    check(&[Answer::Hangs], Duration::ZERO);
    check(&[BUSY, BUSY], Duration::from_secs(1));
}
