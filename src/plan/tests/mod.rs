//! Tables and laws of the planner.
//!
//! `stage` builds what was seen, from a calm default; each table changes only what its rows are about.
//! `laws` holds of every world that `tape` draws at random.

mod account;
mod account_goodbye;
mod account_tries;
mod create;
mod gone;
mod goodbye;
mod grace;
mod identity;
mod laws;
mod login;
mod looks;
mod pauses;
mod report;
mod said;
mod search;
mod setback;
mod settle;
mod sink;
mod stage;
mod tape;
mod timing;
mod token;
mod unanswered;
