//! How long it takes to open the index of a results folder and to ask it for cases: `ask-index RESULTS [CASE]`.

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use anechoic_index::{Index, Query};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let root = args.next().ok_or("usage: ask-index RESULTS [CASE]")?;
    let query = Query {
        case: args.next(),
        ..Query::default()
    };
    let start = Instant::now();
    let index = Index::open(Path::new(&root))?;
    let opened = start.elapsed();
    let runs = index.digests(&query)?;
    let with_runs = start.elapsed();
    let nights = index.nights_of(&query)?;
    let with_nights = start.elapsed();
    let cells: usize = runs.iter().map(|run| run.cells.len()).sum();
    println!(
        "{} runs with {cells} cells, {} nights; open after {opened:.0?}, runs after {with_runs:.0?}, nights after {with_nights:.0?}",
        runs.len(),
        nights.len(),
    );
    index.notes().iter().for_each(|note| println!("{note}"));
    Ok(())
}
