//! Telling that somebody cuts short.

use super::*;

/// That these ways, cut short as soon as this file is there, tell of so many tries each, and nobody.
fn check_cut_short(ways: &Ways, begun: &Path, tries: &[u32]) {
    let mut pause = |pause| {
        thread::sleep(pause);
        begun.exists()
    };
    let notices = tell(ways, &message(), &mut Waiting::by(&mut pause));
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
    check_cut_short(&ways, &begun, &[1, 0, 0]);
    assert!(is_gone(&child));
    assert!(server.requests().is_empty() && !sent.exists());
}

#[test]
fn mail_that_nobody_waits_for_any_more_may_not_have_been_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let [child, begun] = ["child", "begun"].map(|name| folder.path().join(name));
    let text = format!(
        "sleep 1000 & echo $! > {}; touch {}",
        child.display(),
        begun.display()
    );
    let mail = Some(Mail::through(script(folder.path(), &text), &["root"]));
    let ways = Ways {
        mail,
        ..no_ways(1000)
    };
    check_cut_short(&ways, &begun, &[1]);
    let pid = fs::read_to_string(&child).unwrap().trim().parse().unwrap();
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    );
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
