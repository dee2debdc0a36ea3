//! Writes the pictures of a run directory as SVG files: `cargo run -p anechoic-report --example plots RUN OUT`.

use std::path::PathBuf;

use anechoic_record::RunRecord;
use anechoic_report::{Summary, plots};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(run), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: plots RUN OUT".into());
    };
    let record = RunRecord::load(&run)?;
    std::fs::create_dir_all(&out)?;
    for plot in plots(&record, &Summary::of(&record)) {
        let path = out.join(format!("{}.svg", plot.id));
        std::fs::write(&path, &plot.svg)?;
        println!("{}: {}\n  {}", path.display(), plot.title, plot.caption);
    }
    Ok(())
}
