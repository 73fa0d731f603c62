//! The client's side of SMTP (RFC 5321), without any IO: bytes in, bytes out.

pub(crate) mod capabilities;
pub(crate) mod class;
pub(crate) mod dots;
pub(crate) mod reply;
pub(crate) mod session;
