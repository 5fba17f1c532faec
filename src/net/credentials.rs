//! Users and groups: the numbers of names.

/// The number of a user; digits are one already.
pub(super) fn user_id(name: &str) -> Option<u32> {
    number(name).or_else(|| Some(users::get_user_by_name(name)?.uid()))
}

/// The number of a group; digits are one already.
pub(super) fn group_id(name: &str) -> Option<u32> {
    number(name).or_else(|| Some(users::get_group_by_name(name)?.gid()))
}

/// The largest number stands for nobody: the system takes it for "leave it as it is".
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| is_number && *id != u32::MAX)
}
