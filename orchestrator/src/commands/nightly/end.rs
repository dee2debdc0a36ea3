//! The end of a night: what it came to is stored, told and printed.

use std::time::Duration;

use anechoic_record::{News, NightOutcome, Notice};
use anechoic_report::{NightReport, night_message, night_text, night_title};
use jiff::Timestamp;

use super::Course;
use crate::commands::CommandError;
use crate::exit_code::ExitCode;
use crate::nightly::news;
use crate::notify::{Message, Ways, tell, untold};
use crate::process::Waiting;
use crate::reporter::{Format, print_data, say};

impl Course<'_> {
    /// Stores what the night came to before anybody is told, tells them, and stores how that went.
    pub(super) fn end(
        mut self,
        ways: &Ways,
        outcome: NightOutcome,
        exit: ExitCode,
    ) -> Result<ExitCode, CommandError> {
        self.night.outcome = outcome;
        self.night.ended = Timestamp::now().max(self.night.started);
        let limit = self.args.unmeasured_nights;
        self.night.news = news(&self.past.nights, &self.night, limit);
        if exit == ExitCode::Interrupted {
            // What has ended the measuring is not meant for telling people of it.
            while self.stop.is_heard_within(Duration::ZERO) {}
        }
        let kept = match self.night.news {
            Some(news) => self.tell(ways, news),
            None => self.keep(),
        };
        let printed = self.print();
        Ok(match (kept, printed) {
            (Ok(()), Ok(())) => exit,
            // What the night found is what the scheduler has to hear.
            (Ok(()), Err(error)) if exit != ExitCode::Done => {
                say(&error.text());
                exit
            }
            (Err(error), _) | (Ok(()), Err(error)) => {
                say(&error.text());
                ExitCode::Internal
            }
        })
    }

    /// Tells the news. From before the first try on the night's file says that nobody has heard of it: whatever ends this process
    /// meanwhile, the next night tells again. Whoever wants to stop this process is heard.
    fn tell(&mut self, ways: &Ways, news: News) -> Result<(), CommandError> {
        let message = self.message(news);
        let reached = |unreached: &[Notice], notices: Vec<Notice>| {
            notices
                .into_iter()
                .chain(unreached.iter().cloned())
                .collect()
        };
        self.night.notices = reached(&self.unreached, untold(ways));
        let kept = self.keep();
        let mut pause = |pause| self.stop.is_heard_within(pause);
        let notices = tell(ways, &message, &mut Waiting::by(&mut pause));
        self.night.notices = reached(&self.unreached, notices);
        kept.and_then(|()| self.keep())
    }

    fn message(&self, news: News) -> Message {
        Message {
            news: Some(news),
            suite: self.night.suite.clone(),
            title: night_title(&self.night),
            text: night_message(self.report()),
            facts: serde_json::to_value(&self.night).expect("nights always serialise"),
        }
    }

    fn report(&self) -> NightReport<'_> {
        NightReport {
            night: &self.night,
            notes: &self.notes,
        }
    }

    fn print(&self) -> Result<(), CommandError> {
        let text = match self.args.place.format {
            Format::Text => night_text(self.report()),
            Format::Json => {
                self.notes
                    .iter()
                    .for_each(|note| say(&format!("note: {note}")));
                let night = serde_json::to_string_pretty(&self.night);
                format!("{}\n", night.expect("nights always serialise"))
            }
        };
        print_data(&text).map_err(CommandError::Stdout)
    }
}
