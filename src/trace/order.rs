//! What may follow what in a trace: instants never go back, and a connection is opened, used and closed once.

use std::collections::HashMap;

use super::Event;
use super::Line;
use super::Mistake;

/// Most connections of a trace.
pub const CONNS_MOST: usize = 100_000;

/// How it stands with a connection.
#[derive(Debug)]
struct Conn {
    role: Option<String>,
    /// The line that closed it; 0 while it is open.
    closed_in: u64,
}

/// Holds lines to their order.
#[derive(Debug, Default)]
pub(super) struct Order {
    conns: HashMap<u32, Conn>,
    last_ns: u64,
    /// The connection of the last line, when it is open: what is said on it needs no second look.
    plain: Option<u32>,
}

impl Order {
    /// Takes line number `number`.
    pub(super) fn take(&mut self, number: u64, line: &Line<'_>) -> Result<(), Mistake> {
        if line.at_ns < self.last_ns {
            let what = format!("`at_ns` goes back: {} is before {} of the line before", line.at_ns, self.last_ns);
            return Err(Mistake::new(number, what, "Sort the lines by `at_ns`; the head stays first"));
        }
        self.last_ns = line.at_ns;
        if self.plain == Some(line.conn) && line.role.is_none() && matches!(line.event, Event::Sent(_) | Event::Got(_)) {
            return Ok(());
        }
        let is_new = !self.conns.contains_key(&line.conn);
        if is_new && self.conns.len() == CONNS_MOST {
            let what = format!("there are more than {CONNS_MOST} connections");
            return Err(Mistake::new(number, what, "Play fewer of them and let --clones multiply them"));
        }
        let conn = self.conns.entry(line.conn).or_insert(Conn { role: None, closed_in: 0 });
        if matches!(line.event, Event::Open { .. }) && !is_new {
            let what = format!("connection {} is there already", line.conn);
            return Err(Mistake::new(number, what, "`open` is the first line of a connection; give a new one a number of its own"));
        }
        if conn.closed_in > 0 && matches!(line.event, Event::Sent(_)) {
            let what = format!("connection {} sends after its close in line {}", line.conn, conn.closed_in);
            return Err(Mistake::new(number, what, "Give what was opened anew a number of its own"));
        }
        if let Some(role) = &line.role {
            match &conn.role {
                Some(known) if known != role => {
                    let what = format!("connection {} has the role `{known}` and is now called `{role}`", line.conn);
                    return Err(Mistake::new(number, what, "A connection keeps its role; one line with it is enough"));
                }
                Some(_) => {}
                None if !is_new => {
                    let what = format!("the role of connection {} comes too late", line.conn);
                    return Err(Mistake::new(number, what, "The first line of a connection says its role"));
                }
                None => conn.role = Some(role.clone().into_owned()),
            }
        }
        if matches!(line.event, Event::Close { .. }) && conn.closed_in == 0 {
            conn.closed_in = number;
        }
        self.plain = (conn.closed_in == 0).then_some(line.conn);
        Ok(())
    }
}
