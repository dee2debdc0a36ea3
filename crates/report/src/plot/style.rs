//! How plots look: one style sheet that every plot carries, so that its file looks right alone. A page around it sets the
//! custom properties that are named in `var(…)` and wins; every rule is bound to the class of a plot and touches nothing else.

/// The class of every plot.
pub(super) const CLASS: &str = "anechoic-plot";

/// Different looks that series can have: colours here, shapes in `mark`.
pub(super) const SLOTS: usize = 8;

/// Colours after Okabe and Ito, *Color Universal Design* (2008); the order puts first what is told apart best.
pub(super) const SHEET: &str = "
.anechoic-plot{--p-ink:var(--plot-ink,#1b1f24);--p-soft:var(--plot-soft,#57606a);--p-grid:var(--plot-grid,#d8dee4);--p-surface:var(--plot-surface,#fff);
--p1:var(--series-1,#0072b2);--p2:var(--series-2,#d55e00);--p3:var(--series-3,#009e73);--p4:var(--series-4,#cc79a7);
--p5:var(--series-5,#e69f00);--p6:var(--series-6,#56b4e9);--p7:var(--series-7,#6e7781);--p8:var(--series-8,#1b1f24);--p-bad:var(--plot-bad,#d55e00);
font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:14px;display:block;height:auto;max-width:min(100%,720px)}
@media (prefers-color-scheme:dark){.anechoic-plot{--p-ink:var(--plot-ink,#e6edf3);--p-soft:var(--plot-soft,#9da7b1);--p-grid:var(--plot-grid,#343b44);--p-surface:var(--plot-surface,#14171a);
--p1:var(--series-1,#56b4e9);--p2:var(--series-2,#e8743b);--p3:var(--series-3,#2bbf92);--p4:var(--series-4,#d997bd);
--p5:var(--series-5,#e69f00);--p6:var(--series-6,#f0e442);--p7:var(--series-7,#a5aeb8);--p8:var(--series-8,#e6edf3);--p-bad:var(--plot-bad,#e8743b)}}
@media print{.anechoic-plot{--p-surface:none}}
.anechoic-plot text{fill:var(--p-ink);stroke:none}
.anechoic-plot .heading{font-size:16px;font-weight:600;display:var(--plot-heading,inline)}
.anechoic-plot .soft{fill:var(--p-soft);font-size:13px}
.anechoic-plot .over{font-size:13px;paint-order:stroke;stroke:var(--p-surface);stroke-width:3px;stroke-linejoin:round}
.anechoic-plot .absent{fill:var(--p-bad);font-style:italic}
.anechoic-plot .end{text-anchor:end}.anechoic-plot .mid{text-anchor:middle}
.anechoic-plot .num{font-variant-numeric:tabular-nums}
.anechoic-plot .surface{fill:var(--p-surface)}
.anechoic-plot .grid{stroke:var(--p-grid);stroke-width:1;fill:none}
.anechoic-plot .axis{stroke:var(--p-soft);stroke-width:1;fill:none}
.anechoic-plot .s1{--c:var(--p1)}.anechoic-plot .s2{--c:var(--p2)}.anechoic-plot .s3{--c:var(--p3)}.anechoic-plot .s4{--c:var(--p4)}
.anechoic-plot .s5{--c:var(--p5)}.anechoic-plot .s6{--c:var(--p6)}.anechoic-plot .s7{--c:var(--p7)}.anechoic-plot .s8{--c:var(--p8)}
.anechoic-plot .bad{--c:var(--p-bad)}.anechoic-plot .quiet{--c:var(--p-soft)}.anechoic-plot .strong{--c:var(--p-ink)}
.anechoic-plot .fill{fill:var(--c);stroke:var(--p-surface);stroke-width:1}
.anechoic-plot .raw{fill:var(--c);fill-opacity:.45;stroke:none}
.anechoic-plot .hollow{fill:var(--p-surface);stroke:var(--c);stroke-width:2}
.anechoic-plot .tinted{fill:var(--c);fill-opacity:.35;stroke:var(--c);stroke-width:2}
.anechoic-plot .line{stroke:var(--c);stroke-width:2;fill:none;stroke-linejoin:round}
.anechoic-plot .thin{stroke:var(--c);stroke-width:1.25;fill:none}
.anechoic-plot .bar{stroke:var(--c);stroke-width:2;fill:none}
.anechoic-plot .weak{stroke-dasharray:3 3}
.anechoic-plot .block{fill:var(--c);stroke:var(--p-surface);stroke-width:.5}
.anechoic-plot .whole{fill:var(--p-grid);stroke:var(--p-soft);stroke-width:.75}
.anechoic-plot .phase{fill:var(--c);stroke:none}
.anechoic-plot .gate{fill:var(--p-surface);stroke:var(--p5);stroke-width:1.25;stroke-dasharray:2 1.5}
.anechoic-plot .gap{fill:var(--p-surface);stroke:var(--p-soft);stroke-width:1;stroke-dasharray:1 3}
.anechoic-plot .failed{stroke:var(--p-bad);stroke-width:3;fill:none;stroke-linecap:round}
.anechoic-plot .pt:hover{stroke:var(--p-ink);stroke-width:2}
";
