//! Who is who: clients in groups, roles within a group.
//!
//! Clients are numbered through; each group has the same number of them, and a client's place in its
//! group tells its role: `count` clients of the first role, then those of the second, and so on.

/// The roles of a run and how clients are spread over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Names of the roles.
    pub names: Vec<String>,
    /// For each place of a group, the role and the client's place among those of that role.
    places: Vec<(u8, u8)>,
}

impl Cast {
    /// Most clients of a group.
    pub const MOST: u64 = 64;

    /// Roles with so many clients of a group each.
    ///
    /// # Errors
    /// When a group would be empty or larger than [`Cast::MOST`].
    pub fn new(roles: &[(String, u64)]) -> Result<Self, String> {
        let size: u64 = roles.iter().map(|(_, count)| *count).fold(0, u64::saturating_add);
        if size == 0 || size > Cast::MOST {
            return Err(format!("a group has {size} clients; there may be 1 to {}", Cast::MOST));
        }
        let of_role = |(role, count): (usize, u64)| (0..count).map(move |member| (role as u8, member as u8));
        let places = roles.iter().map(|(_, count)| *count).enumerate().flat_map(of_role).collect();
        Ok(Cast { names: roles.iter().map(|(name, _)| name.clone()).collect(), places })
    }

    /// A group whose clients have these roles, in this order.
    ///
    /// # Errors
    /// When the group would be empty or larger than [`Cast::MOST`].
    pub fn of(names: Vec<String>, roles: &[usize]) -> Result<Self, String> {
        if roles.is_empty() || roles.len() as u64 > Cast::MOST {
            return Err(format!("a group has {} clients; there may be 1 to {}", roles.len(), Cast::MOST));
        }
        let member = |place: usize| roles[..place].iter().filter(|role| **role == roles[place]).count() as u8;
        let places = roles.iter().enumerate().map(|(place, role)| (*role as u8, member(place))).collect();
        Ok(Cast { names, places })
    }

    /// Clients in a group.
    #[inline]
    pub fn group(&self) -> u64 {
        self.places.len() as u64
    }

    /// The role of a client.
    pub fn role(&self, client: u64) -> usize {
        usize::from(self.places[self.place(client)].0)
    }

    /// A client's place among those of its role in its group.
    pub fn member(&self, client: u64) -> u64 {
        u64::from(self.places[self.place(client)].1)
    }

    /// A client's place in its group.
    #[inline]
    pub fn place(&self, client: u64) -> usize {
        (client % self.group()) as usize
    }

    /// What the client at a place of the group is called: its role, and its number among those of that role when there are several.
    pub fn label(&self, place: usize) -> String {
        let (role, member) = self.places[place];
        let name = &self.names[usize::from(role)];
        if self.count(|r| r == usize::from(role)) > 1 { format!("{name} {}", u32::from(member) + 1) } else { name.clone() }
    }

    /// The next client of the group; the first, for the last.
    pub fn peer(&self, client: u64) -> u64 {
        let (size, place) = (self.group(), client % self.group());
        client - place + (place + 1) % size
    }

    /// How many clients of a group have a role that `is` one.
    pub fn count(&self, is: impl Fn(usize) -> bool) -> u64 {
        self.places.iter().filter(|(role, _)| is(usize::from(*role))).count() as u64
    }

    /// In words: `1 consumer, 4 producers`; nothing when every client stands alone.
    pub fn words(&self) -> Option<String> {
        let count = |role: usize| self.count(|r| r == role);
        let words = self.names.iter().enumerate().map(|(role, name)| format!("{} {name}", count(role)));
        (self.group() > 1).then(|| words.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_tell_roles() {
        let cast = Cast::new(&[("consumer".into(), 1), ("producer".into(), 2)]).expect("small");
        let roles: Vec<(usize, u64, u64)> = (3..7).map(|c| (cast.role(c), cast.member(c), cast.peer(c))).collect();
        assert_eq!(roles, [(0, 0, 4), (1, 0, 5), (1, 1, 3), (0, 0, 7)]);
        assert_eq!(cast.words().as_deref(), Some("1 consumer, 2 producer"));
    }

    #[test]
    fn groups_are_bounded() {
        assert!(Cast::new(&[("a".into(), 0)]).is_err());
        assert!(Cast::new(&[("a".into(), 64)]).is_ok());
        assert!(Cast::new(&[("a".into(), 64), ("b".into(), 1)]).is_err());
        assert!(Cast::new(&[("a".into(), u64::MAX), ("b".into(), u64::MAX)]).is_err());
    }
}
