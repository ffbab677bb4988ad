//! What every page besides that of a run stands in.

use super::SCRIPT;
use super::STYLE;
use super::policy;
use super::tables::icon;
use crate::report::escape::html;

/// A page: its title in the window, its heading with a line below, and its sections, ready to be written.
pub(super) fn page(title: &str, heading: &str, below: &str, sections: &str) -> Vec<u8> {
    let (title, heading, below) = (html(title), html(heading), html(below));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"top\">\n\
         <div class=\"brand\"><span class=\"mark\">volley</span><button type=\"button\" id=\"theme\" hidden>Theme: auto</button></div>\n\
         <h1>{heading}</h1>\n<p class=\"target\"><bdi>{below}</bdi></p>\n</header>\n<main id=\"main\">\n{sections}</main>\n\
         <footer>\n<p>Made by volley {}. Everything in this page is inside this file.</p>\n</footer>\n\
         <p id=\"live\" class=\"unseen\" role=\"status\" aria-live=\"polite\"></p>\n\
         <script type=\"application/json\" id=\"volley-charts\">{{}}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy(false),
        env!("CARGO_PKG_VERSION"),
    )
    .into_bytes()
}

/// The answer in a word, with what it means: good, bad, or neither; the content is ready to be written.
pub(super) fn banner(good: Option<bool>, word: &str, content: &str) -> String {
    let (class, sign) = match good {
        Some(true) => ("pass", "ok"),
        Some(false) => ("fail", "bad"),
        None => ("invalid", "warn"),
    };
    format!(
        "<section id=\"verdict\" class=\"card verdict {class}\" aria-labelledby=\"verdict-h\">\n<div class=\"banner\">{}<div>\
         <h2 id=\"verdict-h\"><span class=\"unseen\">Answer: </span>{word}</h2>{content}</div></div>\n</section>\n",
        icon(sign)
    )
}
