//! Split clients over shards and lanes. Of N shards, group g is in shard g mod N; there it is the g/N-th group, and group
//! n of a shard lives on lane n mod L with all its clients. So every shard and every lane sees all phases of the timetable
//! and the whole ramp, and what one of a group sends and another sees is on one lane and one clock. A client keeps its
//! number in the whole run, from which all it does follows; splitting changes only where it lives.

/// Which part of the groups of a run is played here. Shard 0 of 1 is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Number of the shard, from 0.
    pub shard: u32,
    /// Shards of the run.
    pub shards: u32,
}

impl Part {
    /// The whole run.
    pub const WHOLE: Part = Part { shard: 0, shards: 1 };
}

/// How clients are split: so many lanes, groups of so many clients, and which groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    lanes: u64,
    group: u64,
    shard: u64,
    shards: u64,
}

impl Share {
    /// Over `lanes` lanes in groups of `group` clients, at least one each.
    pub fn new(lanes: u32, group: u64, part: Part) -> Self {
        let shards = u64::from(part.shards.max(1));
        Share { lanes: u64::from(lanes.max(1)), group: group.max(1), shard: u64::from(part.shard).min(shards - 1), shards }
    }

    /// Number of a client's group among those of its shard.
    fn group_of(self, client: u64) -> u64 {
        client / self.group / self.shards
    }

    /// Which lane a client lives on.
    pub fn lane_of(self, client: u64) -> usize {
        (self.group_of(client) % self.lanes) as usize
    }

    /// A client's place within its lane; groups stay together.
    pub fn place_of(self, client: u64) -> usize {
        (self.group_of(client) / self.lanes * self.group + client % self.group) as usize
    }

    /// The client at a place of a lane.
    pub fn client_at(self, lane: usize, place: usize) -> u64 {
        let place = place as u64;
        let group = place / self.group * self.lanes + lane as u64;
        self.nth(group * self.group + place % self.group)
    }

    /// The n-th client of the shard, from 0, in order of number.
    pub fn nth(self, n: u64) -> u64 {
        (n / self.group * self.shards + self.shard) * self.group + n % self.group
    }

    /// How many of `clients` clients are in the shard.
    pub fn count(self, clients: u64) -> u64 {
        let whole = clients / self.group;
        let own = (whole + self.shards - 1).saturating_sub(self.shard) / self.shards;
        let rest = if whole % self.shards == self.shard { clients % self.group } else { 0 };
        own * self.group + rest
    }

    /// The clients of one lane, in order of their places.
    pub fn clients_of(self, lane: usize, clients: u64) -> impl Iterator<Item = u64> {
        let first = lane as u64 * self.shards + self.shard;
        let groups = (first..clients.div_ceil(self.group)).step_by((self.lanes * self.shards) as usize);
        groups.flat_map(move |group| group * self.group..((group + 1) * self.group).min(clients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_over_any_number_of_lanes_and_shards_gives_the_same_set() {
        for (lanes, group, shards) in (1..5).flat_map(|l| (1..6).flat_map(move |g| (1..9).map(move |s| (l, g, s)))) {
            let clients = 20 * group + group / 2;
            let mut seen = vec![false; clients as usize];
            for shard in 0..shards {
                let share = Share::new(lanes, group, Part { shard, shards });
                let mut own = Vec::new();
                for lane in 0..lanes as usize {
                    for (place, client) in share.clients_of(lane, clients).enumerate() {
                        assert_eq!((share.lane_of(client), share.place_of(client)), (lane, place));
                        assert_eq!(share.client_at(lane, place), client);
                        assert_eq!(share.lane_of(client / group * group), lane, "groups stay together");
                        assert!(!std::mem::replace(&mut seen[client as usize], true));
                        own.push(client);
                    }
                }
                own.sort_unstable();
                assert_eq!(own.len() as u64, share.count(clients), "{lanes} {group} {shard}/{shards}");
                assert!(own.iter().zip(0..).all(|(client, n)| share.nth(n) == *client));
            }
            assert!(seen.iter().all(|&s| s), "{lanes} {group} {shards}");
        }
    }
}
