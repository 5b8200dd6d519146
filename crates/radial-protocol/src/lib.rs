//! The words on the wire: ids, events, cursors, grants, problem codes and their encodings
