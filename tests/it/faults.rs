//! What fails, for real: processes that are killed or frozen, disks that are full, servers that lie. What must hold then is
//! that no turn is lost or counted twice, and that no call is dropped.

mod bed;
mod kills;
mod model;
mod process;
mod redis;
mod resume;
mod rolling;
