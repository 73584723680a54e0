//! Why a delivery failed, from what providers tell: enhanced status codes (RFC 3463), reply codes (RFC 5321), and words.
