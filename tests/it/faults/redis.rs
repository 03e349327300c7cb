//! Redis fails in every way that it can, while calls begin, go on and end: no turn is lost or stored twice, each call is
//! counted once, no call is dropped, and none waits.
//!
//! The short form has 20 calls and faults of seconds; `FAULTS=long FAULT_CALLS=200` has those of the field.

mod clocks;
mod counts;
mod forgets;
mod long_outage;
mod outages;
mod refusals;
