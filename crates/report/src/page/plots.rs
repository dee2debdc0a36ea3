//! Plots with their captions.

use maud::{Markup, PreEscaped, html};

use crate::Plot;

/// Bytes of drawings that one page carries; what is beyond is a link to its own file.
const BUDGET: usize = 3 << 20;

/// All plots; nothing where there are none.
pub(super) fn plots(plots: &[Plot]) -> Markup {
    let mut spent = 0;
    html! {
        @for plot in plots {
            @let shown = { spent += plot.svg.len(); spent <= BUDGET };
            (figure(plot, shown))
        }
    }
}

/// The drawing is made by this crate, which escapes what it writes into it.
fn figure(plot: &Plot, shown: bool) -> Markup {
    let id = format!("plot-{}", plot.id);
    let link = format!("plots/{}.svg", plot.id);
    html! {
        figure.plot aria-labelledby=(id) {
            h3 id=(id) { (plot.title) }
            @if shown {
                div.drawing tabindex="0" { (PreEscaped(&plot.svg)) }
            }
            figcaption {
                (plot.caption) " "
                a href=(link) {
                    @if shown { "SVG" } @else { "SVG (too large to be shown here)" }
                }
            }
        }
    }
}
