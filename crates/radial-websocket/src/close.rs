//! Close codes, and what a close frame says (RFC 6455, section 7.4).

/// The number that says why a connection ends.
///
/// Either one that may stand in a frame (1000–1003, 1007–1014, 3000–4999), or one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// Done as intended.
    pub const NORMAL: Self = Self(1000);
    /// This side goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of message that this side does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Text that is not UTF-8.
    pub const NOT_UTF8: Self = Self(1007);
    /// A message that is too large.
    pub const TOO_LARGE: Self = Self(1009);
    /// This side failed.
    pub const INTERNAL: Self = Self(1011);

    /// A code of the application's own; `None` outside of 4000 to 4999.
    pub const fn of_application(code: u16) -> Option<Self> {
        if code >= 4000 && code <= 4999 { Some(Self(code)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// A code as a peer may send it: the registered ones, and those that are free to use.
    pub(crate) fn received(code: u16) -> Option<Self> {
        let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        allowed.then_some(Self(code))
    }
}

/// What a close frame carries, if it carries anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// Why.
    pub code: CloseCode,
    /// The same for people; at most 123 bytes.
    pub text: String,
}
