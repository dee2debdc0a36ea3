//! Plots with their captions.

use maud::{Markup, PreEscaped, html};

use crate::Plot;

/// Bytes of drawings that one page carries; what is beyond is a link to its own file.
const BUDGET: usize = 3 << 20;

/// All plots; nothing where there are none.
pub(super) fn plots(plots: &[Plot]) -> Markup {
    let shown = shown(plots, BUDGET);
    html! {
        @for (plot, shown) in plots.iter().zip(shown) { (figure(plot, shown)) }
    }
}

/// Which are shown: the first page of every kind first, then further pages, as far as `budget` bytes go. What follows a
/// page that is not shown is not shown either.
fn shown(plots: &[Plot], budget: usize) -> Vec<bool> {
    let mut shown = vec![false; plots.len()];
    let mut spent = 0;
    let mut ended: Vec<&str> = Vec::new();
    for wants_further in [false, true] {
        for (plot, shown) in plots.iter().zip(&mut shown) {
            let further = continued(plot, plots);
            if further.is_some() != wants_further {
                continue;
            }
            let kind = further.unwrap_or(&plot.id);
            if ended.contains(&kind) || spent + plot.svg.len() > budget {
                ended.push(kind);
                continue;
            }
            spent += plot.svg.len();
            *shown = true;
        }
    }
    shown
}

/// The id of the plot that it goes on from: `values-capture` of `values-capture-2`.
fn continued<'a>(plot: &'a Plot, plots: &[Plot]) -> Option<&'a str> {
    let (base, number) = plot.id.rsplit_once('-')?;
    let is_page = number.parse::<u32>().is_ok();
    (is_page && plots.iter().any(|other| other.id == base)).then_some(base)
}

/// The drawing is made by this crate, which escapes what it writes into it.
fn figure(plot: &Plot, shown: bool) -> Markup {
    let id = format!("plot-{}", plot.id);
    let link = format!("plots/{}.svg", plot.id);
    html! {
        figure.plot aria-labelledby=(id) {
            h3 id=(id) { (plot.title) }
            @if shown {
                div.drawing { (PreEscaped(&plot.svg)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_first_page() {
        let plot = |id: &str, bytes: usize| Plot {
            id: id.to_owned(),
            title: String::new(),
            caption: String::new(),
            svg: "x".repeat(bytes),
        };
        let plots = [
            plot("values-a", 40),
            plot("values-a-2", 40),
            plot("values-a-3", 10),
            plot("huge", 200),
            plot("timeline", 30),
            plot("values-b-2", 10),
        ];
        // What is not shown costs nothing; an id that ends in a number of its own is a first page.
        assert_eq!(shown(&plots, 100), [true, false, false, false, true, true]);
        assert_eq!(shown(&plots, 70), [true, false, false, false, true, false]);
    }
}
