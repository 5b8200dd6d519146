# The menu. Anything with logic is in `cargo xtask`.

# List the recipes.
default:
    @just --list

# Run a hub for development.
dev *args:
    cargo run -p radial -- dev {{args}}

# Build everything and run every test.
test:
    cargo xtask test

# Everything that continuous integration runs.
ci:
    .ci/run

# Fast checks of the sources and the documents.
tidy:
    cargo xtask tidy

# Format all Rust sources.
fmt:
    cargo fmt --all && cargo fmt --manifest-path fuzz/Cargo.toml

# Clippy, with warnings as errors.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# The Autobahn cases against the WebSocket codec, all of them: some minutes.
autobahn:
    cargo xtask autobahn

# Requests made up from the OpenAPI document, against a hub.
schemathesis *args:
    cargo xtask schemathesis {{args}}

# Fuzz all targets, or one: `just fuzz --seconds 60 cursor`.
fuzz *args:
    cargo xtask fuzz {{args}}

# Write the generated files.
generate:
    cargo xtask generate

# Build the API documentation.
doc:
    cargo doc --workspace --no-deps --locked
