//! `anechoic schema`: JSON Schemas of what is read and exchanged, generated from the types that do so.

use anechoic_protocol::schema as protocol;
use anechoic_suite::suite_schema;

use super::CommandError;
use crate::cli::{Described, SchemaArgs};
use crate::exit_code::ExitCode;
use crate::reporter::print_data;

pub(super) fn schema(args: &SchemaArgs) -> Result<ExitCode, CommandError> {
    let schema = match args.of {
        Described::Suite => suite_schema(),
        Described::Job => protocol::job(),
        Described::Event => protocol::event(),
        Described::Result => protocol::result(),
    };
    print_data(&format!("{schema:#}\n")).map_err(CommandError::Stdout)?;
    Ok(ExitCode::Done)
}
