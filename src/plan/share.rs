//! Split clients over lanes: client c lives on lane c mod L, so that every lane sees all phases of
//! the timetable and the whole ramp.

/// Which lane a client lives on.
pub fn lane_of(client: u64, lanes: u32) -> usize {
    (client % u64::from(lanes.max(1))) as usize
}

/// A client's place within its lane.
pub fn place_of(client: u64, lanes: u32) -> usize {
    (client / u64::from(lanes.max(1))) as usize
}

/// The client at a place of a lane.
pub fn client_at(lane: usize, place: usize, lanes: u32) -> u64 {
    place as u64 * u64::from(lanes.max(1)) + lane as u64
}

/// The clients of one lane, in order of their places.
pub fn clients_of(lane: usize, lanes: u32, clients: u64) -> impl Iterator<Item = u64> {
    (lane as u64..clients).step_by(lanes.max(1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_over_any_number_of_lanes_gives_the_same_set() {
        for lanes in 1..9 {
            let mut seen = [false; 100];
            for lane in 0..lanes as usize {
                for (place, client) in clients_of(lane, lanes, 100).enumerate() {
                    assert_eq!((lane_of(client, lanes), place_of(client, lanes)), (lane, place));
                    assert_eq!(client_at(lane, place, lanes), client);
                    assert!(!std::mem::replace(&mut seen[client as usize], true));
                }
            }
            assert!(seen.iter().all(|&s| s), "{lanes}");
        }
    }
}
