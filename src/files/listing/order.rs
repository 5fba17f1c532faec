//! The order of a listing: read from its URL, put into its headings, and applied to its entries.

use std::cmp::Reverse;

use super::entry::Entry;

/// The order of the entries. Folders come first in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::files) struct Order {
    column: Column,
    direction: Direction,
}

/// A column of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::files) enum Column {
    #[default]
    Name,
    Size,
    Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Direction {
    #[default]
    Ascending,
    Descending,
}

impl Order {
    /// Reads `sort=name|size|time` and `order=asc|desc` from `query`. The first member of each name
    /// counts. Unknown values and other members leave the default: ascending names.
    pub(super) fn of(query: Option<&str>) -> Self {
        let members = query.unwrap_or_default().split('&').filter_map(|member| member.split_once('='));
        let value = |name| members.clone().find(|member| member.0 == name).map(|member| member.1);
        let column = match value("sort") {
            Some("size") => Column::Size,
            Some("time") => Column::Time,
            _ => Column::Name,
        };
        let direction = if value("order") == Some("desc") { Direction::Descending } else { Direction::Ascending };
        Self { column, direction }
    }

    /// Returns the order to which the heading of `column` leads: the reverse for the column sorted
    /// by, otherwise from A, from the largest, or from the newest.
    pub(super) fn toggled(self, column: Column) -> Self {
        let is_descending = match column {
            _ if column == self.column => self.direction == Direction::Ascending,
            Column::Name => false,
            Column::Size | Column::Time => true,
        };
        let direction = if is_descending { Direction::Descending } else { Direction::Ascending };
        Self { column, direction }
    }

    /// Returns the relative reference of a listing in this order (RFC 3986 §4.2).
    pub(super) fn reference(self) -> &'static str {
        match (self.column, self.direction) {
            (Column::Name, Direction::Ascending) => "./",
            (Column::Name, Direction::Descending) => "?sort=name&order=desc",
            (Column::Size, Direction::Ascending) => "?sort=size&order=asc",
            (Column::Size, Direction::Descending) => "?sort=size&order=desc",
            (Column::Time, Direction::Ascending) => "?sort=time&order=asc",
            (Column::Time, Direction::Descending) => "?sort=time&order=desc",
        }
    }

    /// Returns the value of `aria-sort` for the heading of `column`; `None` if another column is
    /// sorted by.
    pub(super) fn aria(self, column: Column) -> Option<&'static str> {
        (column == self.column).then_some(match self.direction {
            Direction::Ascending => "ascending",
            Direction::Descending => "descending",
        })
    }

    /// Sorts `entries`. Entries of equal size or time are in the order of ascending names.
    pub(super) fn sort(self, entries: &mut [Entry]) {
        entries.sort_by_cached_key(|entry| (natural(&entry.name.to_string_lossy()), entry.name.clone()));
        // These sorts are stable.
        match (self.column, self.direction) {
            (Column::Name, Direction::Ascending) => {}
            (Column::Name, Direction::Descending) => entries.reverse(),
            (Column::Size, Direction::Ascending) => entries.sort_by_key(|entry| entry.size),
            (Column::Size, Direction::Descending) => entries.sort_by_key(|entry| Reverse(entry.size)),
            (Column::Time, Direction::Ascending) => entries.sort_by_key(|entry| entry.modified),
            (Column::Time, Direction::Descending) => entries.sort_by_key(|entry| Reverse(entry.modified)),
        }
        entries.sort_by_key(|entry| entry.size.is_some());
    }
}

/// A natural sort key: case-insensitive, `9` before `10`.
fn natural(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 8);
    let lower = name.to_lowercase();
    let mut rest = lower.as_str();
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (text, number) = rest.split_at(start);
        let end = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
        let digits = number[..end].trim_start_matches('0');
        // A number sorts like a digit, then by length, then by digits.
        key.push_str(text);
        key.push('0');
        key.extend(u32::try_from(digits.len()).ok().and_then(char::from_u32));
        key.push_str(digits);
        rest = &number[end..];
    }
    key.push_str(rest);
    key
}

#[cfg(test)]
mod tests {
    use super::super::super::validators::at;
    use super::*;

    fn entry(name: &str, size: Option<u64>, seconds: u64) -> Entry {
        Entry { name: name.into(), size, modified: Some(at(seconds)) }
    }

    #[test]
    fn names_sort_as_people_expect() {
        let expected = ["10", "A1", "a02", "a9", "a10", "a10b2", "a10b10", "b", "Ba", "file.txt", "file1.txt", "ä"];
        let mut names = expected.to_vec();
        names.reverse();
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, expected);
    }

    #[test]
    fn order_is_read_from_the_query_and_unknown_values_are_the_default() {
        for (query, expected) in [
            ("sort=name", "./"),
            ("sort=name&order=asc", "./"),
            ("sort=name&order=desc", "?sort=name&order=desc"),
            ("order=desc", "?sort=name&order=desc"),
            ("sort=size", "?sort=size&order=asc"),
            ("sort=size&order=desc", "?sort=size&order=desc"),
            ("order=desc&sort=time", "?sort=time&order=desc"),
            ("v=1&sort=time&x", "?sort=time&order=asc"),
            ("sort=size&sort=time", "?sort=size&order=asc"),
            ("sort=size&order=up", "?sort=size&order=asc"),
            ("sort=owner&order=desc", "?sort=name&order=desc"),
            ("SORT=size", "./"),
            ("sort", "./"),
            ("sort=&order=", "./"),
            ("sort=%73ize", "./"),
            ("&&=&", "./"),
            ("", "./"),
        ] {
            assert_eq!(Order::of(Some(query)).reference(), expected, "{query}");
        }
        assert_eq!(Order::of(None), Order::default());
    }

    #[test]
    fn entries_are_sorted_by_column_with_folders_first() {
        for (query, expected) in [
            ("", "d2 d10 a9 a10 B c"),
            ("order=desc", "d10 d2 c B a10 a9"),
            ("sort=size", "d2 d10 c a9 a10 B"),
            ("sort=size&order=desc", "d2 d10 B a9 a10 c"),
            ("sort=time", "d10 d2 B c a9 a10"),
            ("sort=time&order=desc", "d2 d10 a9 a10 c B"),
        ] {
            let mut entries = vec![
                entry("B", Some(7), 1),
                entry("d10", None, 3),
                entry("a10", Some(5), 4),
                entry("c", Some(1), 2),
                entry("d2", None, 9),
                entry("a9", Some(5), 4),
            ];
            Order::of(Some(query)).sort(&mut entries);
            let names: Vec<_> = entries.iter().map(|entry| entry.name.to_str().unwrap()).collect();
            assert_eq!(names.join(" "), expected, "{query}");
        }
    }

    #[test]
    fn headings_toggle_their_column_and_begin_with_the_largest_and_newest() {
        for (query, name, size, time) in [
            ("", "?sort=name&order=desc", "?sort=size&order=desc", "?sort=time&order=desc"),
            ("order=desc", "./", "?sort=size&order=desc", "?sort=time&order=desc"),
            ("sort=size&order=desc", "./", "?sort=size&order=asc", "?sort=time&order=desc"),
            ("sort=size", "./", "?sort=size&order=desc", "?sort=time&order=desc"),
            ("sort=time&order=desc", "./", "?sort=size&order=desc", "?sort=time&order=asc"),
        ] {
            let order = Order::of(Some(query));
            let reference = |column| order.toggled(column).reference();
            assert_eq!([Column::Name, Column::Size, Column::Time].map(reference), [name, size, time], "{query}");
        }
    }
}
