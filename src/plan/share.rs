//! Split clients over lanes: group g lives on lane g mod L with all its clients, so that every lane sees
//! all phases of the timetable and the whole ramp, and what one of a group sends and another sees is
//! on one lane and one clock.

/// How clients are split: so many lanes, groups of so many clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    lanes: u64,
    group: u64,
}

impl Share {
    /// Over `lanes` lanes in groups of `group` clients, at least one each.
    pub fn new(lanes: u32, group: u64) -> Self {
        Share { lanes: u64::from(lanes.max(1)), group: group.max(1) }
    }

    /// Which lane a client lives on.
    pub fn lane_of(self, client: u64) -> usize {
        (client / self.group % self.lanes) as usize
    }

    /// A client's place within its lane; groups stay together.
    pub fn place_of(self, client: u64) -> usize {
        (client / self.group / self.lanes * self.group + client % self.group) as usize
    }

    /// The client at a place of a lane.
    pub fn client_at(self, lane: usize, place: usize) -> u64 {
        let place = place as u64;
        (place / self.group * self.lanes + lane as u64) * self.group + place % self.group
    }

    /// The clients of one lane, in order of their places.
    pub fn clients_of(self, lane: usize, clients: u64) -> impl Iterator<Item = u64> {
        let groups = (lane as u64..clients.div_ceil(self.group)).step_by(self.lanes as usize);
        groups.flat_map(move |group| group * self.group..((group + 1) * self.group).min(clients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_over_any_number_of_lanes_gives_the_same_set() {
        for (lanes, group) in (1..9).flat_map(|lanes| (1..6).map(move |group| (lanes, group))) {
            let (share, clients) = (Share::new(lanes, group), 20 * group);
            let mut seen = vec![false; clients as usize];
            for lane in 0..lanes as usize {
                for (place, client) in share.clients_of(lane, clients).enumerate() {
                    assert_eq!((share.lane_of(client), share.place_of(client)), (lane, place));
                    assert_eq!(share.client_at(lane, place), client);
                    assert_eq!(share.lane_of(client / group * group), lane, "groups stay together");
                    assert!(!std::mem::replace(&mut seen[client as usize], true));
                }
            }
            assert!(seen.iter().all(|&s| s), "{lanes} {group}");
        }
    }
}
