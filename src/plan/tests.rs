//! Tables and laws of the planner.
