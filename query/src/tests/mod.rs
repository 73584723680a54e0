//! Requests, SQL and documents as texts.

mod documents;
mod specs;
mod statements;
