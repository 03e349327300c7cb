//! Wire formats of the carriers.
