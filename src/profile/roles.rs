//! Groups and their roles.

use super::RoleRule;
use super::address;
use super::check::Check;
use super::diagnose::quoted;
use super::template::Part;
use super::template::Template;
use super::tree::Said;
use super::tree::Value;

/// Most roles.
const MOST: usize = 16;

/// Reads `[roles.NAME]`; without any there is one role, alone in its group.
pub(super) fn roles(check: &mut Check<'_, '_>) -> Vec<RoleRule> {
    let root = check.root;
    let mut rules = Vec::new();
    for (name, table) in root.named("roles") {
        check.identifier("role", name);
        check.about(table);
        if rules.len() == MOST {
            check.mistakes.add(name.span, format!("there are more than {MOST} roles"), "remove some");
        }
        let count = match table.get("count").map(|node| (&node.value, node.span)) {
            Some((Value::Whole(number), span)) => {
                if !(0..=64).contains(number) {
                    check.mistakes.add(span, format!("a group cannot have {number} of them"), "a group has 1 to 64 clients in all");
                }
                Template::parse(&number.to_string())
            }
            Some((Value::Text(text), span)) => count(check, Said { text, span }),
            _ => Template::parse("1"),
        };
        rules.push(RoleRule { name: name.text.to_owned(), count, url: table.text("url").map(|said| address::url(check, said)) });
    }
    if rules.is_empty() { vec![RoleRule::alone()] } else { rules }
}

/// A count that is a variable with a number as its default, or a number.
fn count(check: &mut Check<'_, '_>, said: Said<'_>) -> Template {
    let template = check.template(said, "a count", &[]);
    let root = check.root;
    let text = match template.parts.as_slice() {
        [Part::Text(text)] => Some((text.as_str(), said.span)),
        [Part::Var(name)] => {
            let var = root.named("vars").find(|(var, _)| var.text == name).map(|(_, table)| table);
            var.and_then(|var| var.text("default")).map(|default| (default.text, default.span))
        }
        _ => Some(("", said.span)),
    };
    if let Some((text, span)) = text.filter(|(text, _)| !text.parse().is_ok_and(|n: u64| n <= 64)) {
        let message = format!("`{}` is not a number of clients from 0 to 64", quoted(text));
        check.mistakes.add(span, message, "write count = 2, or count = \"{variable}\" with a number as its default");
    }
    template
}
