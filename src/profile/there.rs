//! What names a profile has: roles, dialects, series, states, captures. References are looked up here, and what is
//! never used is found here in the end.

use super::Class;
use super::Only;
use super::check::Check;
use super::diagnose::quoted;
use super::names;
use super::template::Slot;
use super::tree::Said;
use super::tree::Table;

/// Most states.
const STATES: usize = 200;
/// The state a client begins in.
const START: &str = "start";

/// A declared series, for checking references to it.
pub(super) struct Known<'t> {
    pub(super) name: Said<'t>,
    /// `None` when the class is not known; nothing is concluded from it then.
    pub(super) class: Option<Class>,
    pub(super) opened: bool,
    pub(super) answered: bool,
}

/// What a profile has by name.
pub(super) struct There<'t> {
    pub(super) roles: Vec<&'t str>,
    pub(super) dialects: Vec<&'t str>,
    pub(super) series: Vec<Known<'t>>,
    pub(super) replies: Vec<&'t str>,
    pub(super) messages: Vec<&'t str>,
    pub(super) https: Vec<&'t str>,
    /// Captures, and whether a slot uses each.
    pub(super) captures: Vec<Said<'t>>,
    states: Vec<State<'t>>,
    /// References that lead nowhere: what would only follow from them is not reported.
    pub(super) broken: Broken,
}

struct State<'t> {
    name: Said<'t>,
    entered: bool,
    asked: bool,
}

/// What references tell about use. A broken one might have meant anything.
#[derive(Default)]
pub(super) struct Broken {
    pub(super) expects: bool,
    pub(super) answers: bool,
    pub(super) reply: bool,
}

impl<'t> There<'t> {
    pub(super) fn new(check: &Check<'t, '_>, series: Vec<Known<'t>>) -> Self {
        let root = check.root;
        let named = |key: &'static str| root.tables(key).filter_map(|(_, table)| Some(table.text("name")?.text)).collect();
        let roles: Vec<&str> = root.named("roles").map(|(name, _)| name.text).collect();
        let keys = |table: &'t Table| table.table("capture").into_iter().flat_map(|capture| capture.entries.iter().map(|e| e.said_key()));
        let captures = root.tables("message").chain(root.tables("http")).flat_map(|(_, table)| keys(table));
        let mut unique: Vec<Said<'t>> = Vec::new();
        for said in captures {
            if !unique.iter().any(|known| known.text == said.text) {
                unique.push(said);
            }
        }
        There {
            roles: if roles.is_empty() { vec!["client"] } else { roles },
            dialects: root.texts("dialects").map(|said| said.text).collect(),
            series,
            replies: named("reply"),
            messages: named("message"),
            https: named("http"),
            captures: unique,
            states: Vec::new(),
            broken: Broken::default(),
        }
    }

    /// For whom a rule holds.
    pub(super) fn only(&mut self, check: &mut Check<'t, '_>, table: &'t Table) -> Only {
        let mut only = Only::default();
        for said in table.names("roles") {
            only.roles.extend(check.refer("role", said, &self.roles));
        }
        for said in table.names("dialects") {
            only.dialects.extend(check.refer("dialect", said, &self.dialects).map(|index| self.dialects[index].to_owned()));
        }
        for said in table.names("states") {
            only.states.push(self.state(check, said, false));
        }
        only.when = table.text("when").and_then(|said| when(check, said));
        only
    }

    /// The state under `then`.
    pub(super) fn then(&mut self, check: &mut Check<'t, '_>, table: &'t Table) -> Option<usize> {
        table.text("then").map(|said| self.state(check, said, true))
    }

    /// The number of a state, 0 for the one a client begins in.
    fn state(&mut self, check: &mut Check<'t, '_>, said: Said<'t>, entered: bool) -> usize {
        if said.text == START {
            return 0;
        }
        check.identifier("state", said);
        let known = self.states.iter().position(|state| state.name.text == said.text);
        if known.is_none() && self.states.len() == STATES {
            check.mistakes.add(said.span, format!("there are more than {STATES} states"), "leave some of them out");
            return 0;
        }
        let index = known.unwrap_or_else(|| {
            self.states.push(State { name: said, entered: false, asked: false });
            self.states.len() - 1
        });
        let state = &mut self.states[index];
        state.entered |= entered;
        state.asked |= !entered;
        index + 1
    }

    /// Names of the states, in the order of their numbers from 1.
    pub(super) fn states(&self) -> Vec<String> {
        self.states.iter().map(|state| state.name.text.to_owned()).collect()
    }

    /// The index of a series that is not volley's own.
    pub(super) fn refer_series(&self, check: &mut Check<'t, '_>, said: Said<'t>) -> Option<usize> {
        let known: Vec<&str> = self.series.iter().map(|series| series.name.text).collect();
        if names::RESERVED_SERIES.contains(&said.text) {
            let message = format!("the series `{}` is volley's own; no message takes part in it", said.text);
            check.mistakes.add(said.span, message, "declare a series for it: [series.NAME]");
            return None;
        }
        check.refer("series", said, &known)
    }

    /// The series under `key`, each of class `class`, which this opens and answers.
    pub(super) fn series_of(&mut self, check: &mut Check<'t, '_>, table: &'t Table, key: &str, class: Class) -> Vec<usize> {
        let mut found = Vec::new();
        for said in table.names(key) {
            let Some(index) = self.refer_series(check, said) else { continue };
            let series = &mut self.series[index];
            if series.class.is_some_and(|is| is != class) {
                let is = series.class.map_or("", Class::name);
                let message = format!("`{key}` wants a series of class {}; `{}` is {is}", class.name(), quoted(said.text));
                check.mistakes.add(said.span, message, format!("declare one with class = \"{}\"", class.name()));
            }
            found.push(index);
        }
        found
    }

    /// Notes states that make no difference, or are never reached, and captures that nothing uses.
    pub(super) fn unused(&self, check: &mut Check<'t, '_>, used: &[String]) {
        for state in &self.states {
            let name = quoted(state.name.text);
            if !state.entered {
                check.mistakes.add(
                    state.name.span,
                    format!("no client is ever in the state `{name}`"),
                    format!("add then = \"{name}\" to what leads there"),
                );
            } else if !state.asked {
                let hint = format!("add states = \"{name}\" where it makes a difference, or remove it");
                check.mistakes.add(state.name.span, format!("the state `{name}` makes no difference to anything"), hint);
            }
        }
        for capture in &self.captures {
            let name = quoted(capture.text);
            if Slot::ALL.iter().any(|slot| slot.name() == capture.text) {
                check.mistakes.add(
                    capture.span,
                    format!("`{name}` cannot be captured: volley fills {{{name}}} itself"),
                    "give it another name",
                );
            } else if check.root.named("vars").any(|(var, _)| var.text == capture.text) {
                check.mistakes.add(capture.span, format!("`{name}` is a variable already"), "give the capture another name");
            } else if check.identifier("capture", *capture) && !used.iter().any(|used| used == capture.text) {
                check.mistakes.add(
                    capture.span,
                    format!("nothing uses the capture `{name}`"),
                    format!("put {{{name}}} into a text, or remove it"),
                );
            }
        }
    }
}

/// `VARIABLE=value`.
fn when(check: &mut Check<'_, '_>, said: Said<'_>) -> Option<(String, String)> {
    let Some((name, value)) = said.text.split_once('=') else {
        check.mistakes.add(said.span, format!("`{}` is not VARIABLE=value", quoted(said.text)), "write for example when = \"mint=http\"");
        return None;
    };
    let root = check.root;
    let vars: Vec<&str> = root.named("vars").map(|(var, _)| var.text).collect();
    let name = Said { text: name.trim(), span: said.span };
    check.refer("variable", name, &vars).map(|index| (vars[index].to_owned(), value.trim().to_owned()))
}
