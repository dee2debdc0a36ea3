//! A record in the formats of other programs: Perfetto, hyperfine, pandas. Pure as the rest: where one is long, it goes
//! to a writer that the caller opened.

mod hyperfine;
mod long_csv;
mod perfetto;

pub use hyperfine::{Hyperfine, hyperfine};
pub use long_csv::{Chosen, Samples, long_csv};
pub use perfetto::perfetto;
