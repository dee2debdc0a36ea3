//! Whether what is wrong with a command is a night: of a job that nobody watches it is, of a line that somebody has just typed it is not.

use crate::exit_code::ExitCode;

/// Who reads the errors of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody at a terminal, now.
    Terminal,
    /// Whoever looks into a log, some day.
    Log,
}

/// How far a night has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    NotBegun,
    Begun,
}

/// Whether a night that ends with this code is none: neither stored nor told.
pub(crate) fn is_left_out(exit: ExitCode, work: Work, reader: Reader) -> bool {
    is_of_command(exit) && (work, reader) == (Work::NotBegun, Reader::Terminal)
}

/// Whether it is what was typed, or the suite that it names, that is wrong.
fn is_of_command(exit: ExitCode) -> bool {
    match exit {
        // Nothing that is left to be measured is found before work begins, too.
        ExitCode::Usage | ExitCode::BadSuite | ExitCode::Unfit | ExitCode::Nothing => true,
        ExitCode::Done
        | ExitCode::Internal
        | ExitCode::CasesFailed
        | ExitCode::Regression
        | ExitCode::Interrupted => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_typed_wrongly_at_a_terminal_is_no_night() {
        for exit in ExitCode::ALL {
            let check = |work, reader, expected: bool| {
                let found = is_left_out(exit, work, reader);
                assert_eq!(found, expected, "{exit:?} {work:?} {reader:?}");
            };
            let is_typed = matches!(exit.number(), 2..=4 | 12);
            check(Work::NotBegun, Reader::Terminal, is_typed);
            check(Work::NotBegun, Reader::Log, false);
            check(Work::Begun, Reader::Terminal, false);
            check(Work::Begun, Reader::Log, false);
        }
    }
}
