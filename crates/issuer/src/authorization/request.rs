//! Authorization requests, read and checked (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1).
