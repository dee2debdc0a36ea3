//! How long it takes to open an index and ask it for one case: `one_case RESULTS CASE`.

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use anechoic_index::{Index, Query};

fn main() -> Result<(), Box<dyn Error>> {
    let [root, case] = [1, 2].map(|at| env::args().nth(at).unwrap_or_default());
    let start = Instant::now();
    let index = Index::open(Path::new(&root))?;
    let opened = start.elapsed();
    let query = Query {
        case: Some(case),
        ..Query::default()
    };
    let runs = index.digests(&query)?;
    let asked = start.elapsed();
    let nights = index.nights_of(&query)?;
    let cells: usize = runs.iter().map(|run| run.cells.len()).sum();
    println!(
        "{} runs with {cells} cells, {} nights; opened {opened:.0?}, runs {asked:.0?}, nights {:.0?}",
        runs.len(),
        nights.len(),
        start.elapsed()
    );
    index.notes().iter().for_each(|note| println!("{note}"));
    Ok(())
}
