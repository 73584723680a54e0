//! Every scheme with what it has to take and what it has to refuse.
