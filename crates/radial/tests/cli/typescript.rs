//! `radial registry types` writes a file, and notices when it is out of date.

use std::path::Path;

use tokio::process::Command;

use crate::program::binary;

async fn types(arguments: &[&str], file: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(binary());
    let output = command.args(["registry", "types"]).args(arguments).arg("--out").arg(file);
    let output = output.output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn types_are_written_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ts");
    let registry = folder.path().join("registry");
    std::fs::create_dir(&registry).unwrap();
    let source = "[types.\"order.placed\".versions.1.schema]\ntype = \"object\"\n";
    std::fs::write(registry.join("order.toml"), source).unwrap();
    let registry = registry.to_str().unwrap();
    assert_eq!(types(&[registry, "--check"], &file).await.0, Some(1), "there is no file yet");
    assert_eq!(types(&[registry], &file).await.0, Some(0));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"order.placed\": OrderPlaced;") && text.contains("\"card.moved\""));
    assert_eq!(types(&[registry, "--check"], &file).await.0, Some(0));
    let (status, error) = types(&[registry, "--no-builtin", "--check"], &file).await;
    assert!(status == Some(1) && error.contains("not up to date"), "{error}");
    assert_eq!(types(&[registry, "--no-builtin"], &file).await.0, Some(0));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("card.moved"));
    let nowhere = folder.path().join("no registry");
    assert_eq!(types(&[nowhere.to_str().unwrap()], &file).await.0, Some(2));
}
