//! Says to the code of `radial-fanout` that it runs in a model.

fn main() {
    println!("cargo::rustc-cfg=modelled");
}
