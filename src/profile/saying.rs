//! What a client says besides its load: replies, beats, what it asks for after a loss, and HTTP requests.

use super::BeatRule;
use super::Class;
use super::Every;
use super::From;
use super::HttpAt;
use super::HttpRule;
use super::LoadRule;
use super::Lost;
use super::MessageRule;
use super::ReplyRule;
use super::ResumeRule;
use super::address;
use super::check::Check;
use super::diagnose::quoted;
use super::exchange::kind;
use super::exchange::owned;
use super::hearing::captures;
use super::hearing::pointer;
use super::names;
use super::sending;
use super::template::Slot;
use super::there::There;
use super::tree::Said;
use super::tree::Span;
use super::tree::Table;
use super::tree::Value;
use crate::units::Nanos;

/// Most beats.
const BEATS: usize = 200;
/// The shortest time between two beats.
const LEAST: Nanos = Nanos::from_millis(100);

/// Reads `[[reply]]`.
pub(super) fn replies<'t>(check: &mut Check<'t, '_>, there: &mut There<'t>) -> Vec<ReplyRule> {
    let root = check.root;
    let named: Vec<Said<'_>> = root.tables("reply").filter_map(|(_, table)| table.text("name")).collect();
    check.unique("reply", &named);
    let asks = root.table("resume").and_then(|resume| resume.text("ask"));
    let mut rules = Vec::new();
    for (place, table) in root.tables("reply") {
        if let Some(name) = table.text("name") {
            kind(check, name);
        }
        let expects = expects(check, table, there);
        for (index, said) in expects.iter().zip(table.names("expects")) {
            if there.series[*index].class == Some(Class::Keyed) {
                let message = format!("a reply cannot open the keyed series `{}`", said.text);
                check.mistakes.add(said.span, message, "a reply has no {id} to be told by; make the series single or fifo");
            }
        }
        let is_asked = asks.is_some_and(|ask| table.text("name").is_some_and(|name| name.text == ask.text));
        let slots =
            |slot: &Slot| !matches!(slot, Slot::Id | Slot::Pad | Slot::Audio) && (is_asked || !matches!(slot, Slot::After | Slot::Before));
        let slots: Vec<Slot> = Slot::ALL.iter().copied().filter(slots).collect();
        rules.push(ReplyRule {
            name: owned(table.text("name")),
            only: there.only(check, table),
            payload: sending::payload(check, place, table, "a reply", &slots),
            http: http(check, table, there),
            expects,
            start: table.flag("start"),
            next: table.text("next").and_then(|said| check.refer("reply", said, &there.replies)),
            then: there.then(check, table),
        });
    }
    no_circles(check, &rules);
    rules
}

/// Notes replies that would be said one behind the other for ever.
fn no_circles(check: &mut Check<'_, '_>, rules: &[ReplyRule]) {
    let root = check.root;
    for (at, (_, table)) in root.tables("reply").enumerate() {
        let (mut next, mut steps) = (rules[at].next, 0);
        while let Some(index) = next.filter(|_| steps <= rules.len()) {
            (next, steps) = (rules[index].next, steps + 1);
        }
        if let Some(said) = table.text("next").filter(|_| steps > rules.len()) {
            check.mistakes.add(said.span, "replies that follow each other in a circle would never end", "end the chain");
            return;
        }
    }
}

/// The HTTP request that is made in the place of a message.
pub(super) fn http<'t>(check: &mut Check<'t, '_>, table: &'t Table, there: &There<'t>) -> Option<usize> {
    let said = table.text("http")?;
    check.refer("request", said, &there.https)
}

/// The series that a sending opens.
pub(super) fn expects<'t>(check: &mut Check<'t, '_>, table: &'t Table, there: &mut There<'t>) -> Vec<usize> {
    let mut found = Vec::new();
    for said in table.names("expects") {
        let Some(index) = there.refer_series(check, said) else {
            there.broken.expects = true;
            continue;
        };
        there.series[index].opened = true;
        if let Some(class) = there.series[index].class.filter(|class| !class.is_opened()) {
            let message = format!("nothing opens a series of class {}", class.name());
            check.mistakes.add(said.span, message, "such a series is filled by `gauge`, `cadence` or `spread` of a message");
        }
        found.push(index);
    }
    found
}

/// Reads `[[beat]]`.
pub(super) fn beats<'t>(check: &mut Check<'t, '_>, there: &There<'t>) -> Vec<BeatRule> {
    let root = check.root;
    let named: Vec<Said<'_>> = root.tables("beat").filter_map(|(_, table)| table.text("name")).collect();
    check.unique("beat", &named);
    let mut rules = Vec::new();
    for (place, table) in root.tables("beat") {
        if rules.len() == BEATS {
            check.mistakes.add(place, format!("there are more than {BEATS} beats"), "leave some of them out");
        }
        let every = every(check, table, there);
        let from = from(check, table, there);
        let jitter = share(check, table);
        let times = table.get("times").map_or(0, |node| match &node.value {
            Value::Whole(number) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        });
        let lost = table.text("lost").map_or(Some(0), |said| check.refer("choice", said, &["skip", "close"]));
        let reply = table.text("say").and_then(|said| check.refer("reply", said, &there.replies)).unwrap_or_default();
        let lost = if lost == Some(1) { Lost::Close } else { Lost::Skip };
        rules.push(BeatRule { name: owned(table.text("name")), reply, every, from, jitter, times, lost });
    }
    rules
}

fn every<'t>(check: &mut Check<'t, '_>, table: &'t Table, there: &There<'t>) -> Every {
    let Some(said) = table.text("every") else { return Every::Fixed(LEAST) };
    let captured = said.text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(name) = captured else { return Every::Fixed(time(check, said)) };
    let known: Vec<&str> = there.captures.iter().map(|capture| capture.text).collect();
    let capture = check.refer("capture", Said { text: name, span: said.span }, &known).unwrap_or_default();
    let Some(default) = table.text("default") else {
        check.mistakes.add(
            said.span,
            "a captured interval needs a `default` for when the server says none",
            "add for example default = \"40s\"",
        );
        return Every::Fixed(LEAST);
    };
    Every::Captured { capture, default: time(check, default) }
}

fn time(check: &mut Check<'_, '_>, said: Said<'_>) -> Nanos {
    match said.text.parse::<Nanos>() {
        Ok(time) if time >= LEAST => return time,
        Ok(time) => {
            check.mistakes.add(said.span, format!("every {time} is too often; the least is {LEAST}"), "write for example every = \"5s\"")
        }
        Err(why) => check.mistakes.add(said.span, why, "write for example every = \"5s\""),
    }
    LEAST
}

fn from<'t>(check: &mut Check<'t, '_>, table: &'t Table, there: &There<'t>) -> From {
    let Some(said) = table.text("from") else { return From::Ready };
    match said.text {
        "open" => From::Open,
        "ready" => From::Ready,
        _ => check.refer("message", said, &there.messages).map_or(From::Ready, From::Message),
    }
}

fn share(check: &mut Check<'_, '_>, table: &Table) -> f64 {
    let Some(node) = table.get("jitter") else { return 0.0 };
    let number = match &node.value {
        Value::Whole(number) => *number as f64,
        Value::Fraction(number) => *number,
        _ => return 0.0,
    };
    if !(0.0..=1.0).contains(&number) {
        check.mistakes.add(node.span, format!("{number} is not a share from 0 to 1"), "write for example jitter = 1.0");
    }
    number
}

/// Reads `[resume]`.
pub(super) fn resume<'t>(check: &mut Check<'t, '_>, there: &mut There<'t>) -> Option<ResumeRule> {
    let table = check.root.table("resume")?;
    let only = there.only(check, table);
    let one = |check: &mut Check<'t, '_>, there: &mut There<'t>, key: &str| {
        let index = there.series_of(check, table, key, Class::Single).first().copied();
        if let Some(index) = index {
            (there.series[index].opened, there.series[index].answered) = (true, true);
        }
        index
    };
    let (first, each) = (one(check, there, "first"), one(check, there, "each"));
    let message = table.text("message").and_then(|said| check.refer("message", said, &there.messages));
    let ask = table.text("ask").and_then(|said| check.refer("reply", said, &there.replies));
    let position = table.text("position").and_then(|said| pointer(check, said));
    Some(ResumeRule { only, message: message?, position: position?, ask: ask?, first, each })
}

/// Reads `[[http]]`.
pub(super) fn https<'t>(check: &mut Check<'t, '_>, there: &mut There<'t>) -> Vec<HttpRule> {
    let root = check.root;
    let named: Vec<Said<'_>> = root.tables("http").filter_map(|(_, table)| table.text("name")).collect();
    check.unique("request", &named);
    root.tables("http").map(|(_, table)| request(check, table, there)).collect()
}

fn request<'t>(check: &mut Check<'t, '_>, table: &'t Table, there: &mut There<'t>) -> HttpRule {
    if let Some(name) = table.text("name") {
        kind(check, name);
    }
    let slots: Vec<Slot> = Slot::OF_CLIENT.iter().copied().chain([Slot::Id, Slot::Seq, Slot::Random, Slot::Uuid, Slot::UnixMs]).collect();
    let method = table.text("method");
    if let Some(said) = method.filter(|said| !names::is_token(said.text)) {
        check.mistakes.add(said.span, format!("`{}` is no method of HTTP", quoted(said.text)), "write for example method = \"POST\"");
    }
    let at = table.text("at").and_then(|said| check.refer("choice", said, &["connect", "asked"]));
    if let Some(said) = table.text("url").filter(|said| !said.text.starts_with('/')) {
        check.mistakes.add(said.span, format!("`{}` is no path", quoted(said.text)), "requests go to the target's host: begin with `/`");
    }
    let series = there.series_of(check, table, "series", Class::Single).first().copied();
    if let Some(index) = series {
        (there.series[index].opened, there.series[index].answered) = (true, true);
    }
    HttpRule {
        name: owned(table.text("name")),
        only: there.only(check, table),
        at: if at == Some(1) { HttpAt::Asked } else { HttpAt::Connect },
        method: method.map_or("GET".to_owned(), |said| said.text.to_owned()),
        url: table.text("url").map(|said| check.template(said, "a request", &slots)).unwrap_or_default(),
        headers: address::headers(check, table, &slots),
        body: table.text("body").map(|said| check.template(said, "a request", &slots)),
        series,
        captures: captures(check, table, there),
    }
}

/// All that may ask for a reply.
pub(super) struct Asking<'a> {
    pub(super) messages: &'a [MessageRule],
    pub(super) replies: &'a [ReplyRule],
    pub(super) beats: &'a [BeatRule],
    pub(super) resume: Option<&'a ResumeRule>,
    pub(super) loads: &'a [LoadRule],
}

/// Notes replies that nobody ever says.
pub(super) fn every_reply_is_asked_for(check: &mut Check<'_, '_>, there: &There<'_>, asking: &Asking<'_>) {
    let Asking { messages, replies, beats, resume, loads } = *asking;
    if there.broken.reply {
        return;
    }
    let root = check.root;
    let asked = messages.iter().filter_map(|message| message.reply).chain(replies.iter().filter_map(|reply| reply.next));
    let asked = asked.chain(loads.iter().filter_map(|load| load.next));
    let asked: Vec<usize> = asked.chain(beats.iter().map(|beat| beat.reply)).chain(resume.map(|resume| resume.ask)).collect();
    for (at, (place, table)) in root.tables("reply").enumerate() {
        if !asked.contains(&at) && !replies[at].start {
            let (name, place): (String, Span) = table.text("name").map_or((String::new(), place), |name| (quoted(name.text), name.span));
            let hint = format!("add reply = \"{name}\" to the [[message]] that asks for it, or remove it");
            check.mistakes.add(place, format!("no message asks for the reply `{name}`"), hint);
        }
    }
}
