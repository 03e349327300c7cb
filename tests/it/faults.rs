//! What fails, for real: processes that are killed or frozen, disks that are full, servers that lie. What must hold then is
//! that no turn is lost or counted twice, and that no call is dropped.

mod kills;
mod model;
mod resume;
