//! The client's side of SMTP (RFC 5321), without any IO: bytes in, bytes out.
//!
//! It is open to whoever wants to speak to it without a network: the fuzz targets, or a study of it.

pub mod capabilities;
pub(crate) mod dots;
pub mod reply;
pub mod session;
