//! The run inside its page: what carries it, what is said of it, and how it is found again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::report::view::View;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::bytes_text;

/// What the block of data begins and ends with.
const OPENS: &str = "<script type=\"application/octet-stream\" id=\"volley-run\">";
const CLOSES: &str = "</script>";

/// What the page carries, in words, with a place where the script builds its controls.
pub(super) fn panel(view: &View) -> String {
    let Some(data) = &view.data else {
        let why = "The run is too long to travel inside this page; its record, the folder that the page was made from, has all of it.";
        return format!("<p class=\"finding\">{why}</p>\n");
    };
    let digits = if data.digits > 2 { "three digits" } else { "two digits (1 %); totals have three" };
    format!(
        "<p class=\"finding\">This page carries its run: counters of every second, histograms of every series as totals and over time at {digits} \
         ({} in stretches of {}). <code>volley import report.html</code> makes a record of it again.</p>\n\
         <div id=\"explore\" hidden></div>\n<noscript><p class=\"note\">With scripts allowed, any percentile of any stretch of time can be asked \
         for here.</p></noscript>\n",
        bytes_text(data.bytes.len() as u64),
        Nanos(data.step_ns.next_multiple_of(SECOND / 10))
    )
}

/// The block that carries the run.
pub(super) fn block(view: &View) -> String {
    view.data.as_ref().map_or(String::new(), |data| format!("{OPENS}{}{CLOSES}\n", STANDARD.encode(&data.bytes)))
}

/// The packed run that a page carries.
///
/// # Errors
/// In words, when it carries none.
pub fn carried(page: &str) -> Result<Vec<u8>, String> {
    let (_, rest) = page.rsplit_once(OPENS).ok_or("it is no report of volley that carries its run")?;
    let (text, _) = rest.split_once(CLOSES).ok_or("it is cut short inside the run that it carries")?;
    STANDARD.decode(text.trim()).map_err(|e| format!("the run that it carries is damaged: {e}"))
}
