//! Finds files that import each other, directly or by way of others.
//!
//! A file imports another if a path outside its tests leads there. Two decisions:
//!
//! - **A name that is passed on** leads to the file that defines it, not to the `mod.rs` with the `pub use`: a facade
//!   lists the names of its children, and its other children do not depend on the list. For the same reason a
//!   `pub use` is no import of the facade's own, unless its code says the name besides. A name that comes in by `*`
//!   cannot be followed, and leads to the file with the `*`.
//! - **`mod child`** is no import, because the parent's code needs nothing of the child for it. A path from the parent
//!   into the child is one, and so is a path from the child to an item of the parent's file: both together are a
//!   circle.
//!
//! Methods are not followed: a file that extends a type of another imports it, and is not imported for that.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Named, Source};

/// The modules of the library and of the program, each a file. Those of the tests are left out.
pub(super) struct Modules<'a> {
    /// The file of each module, by the path from the root.
    files: BTreeMap<Vec<String>, &'a Source>,
    /// The imports of each file, by the file's path.
    imports: BTreeMap<&'a str, Vec<Named>>,
}

/// Files that import each other.
pub(super) struct Circle<'a> {
    pub(super) files: Vec<&'a str>,
    /// A line for each import.
    pub(super) text: String,
}

/// The files that each file imports, and the line of the first import.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

impl<'a> Modules<'a> {
    pub(super) fn new(sources: &'a [Source]) -> Self {
        let imports = |source: &Source| source.paths().into_iter().filter(|path| !path.is_test).collect();
        let mut modules = Self {
            files: sources.iter().map(|source| (module(&source.path), source)).collect(),
            imports: sources.iter().map(|source| (&*source.path, imports(source))).collect(),
        };
        let tests: Vec<Vec<String>> = modules.files.keys().filter(|path| modules.is_test(path)).cloned().collect();
        modules.files.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        modules
    }

    /// True if only tests declare the module `path`.
    fn is_test(&self, path: &[String]) -> bool {
        let Some((name, above)) = path.split_last() else { return false };
        // No file declares the root of the program.
        let Some(parent) = self.files.get(above).filter(|_| name != PROGRAM) else { return false };
        parent.find(&["mod", name]).is_empty()
    }

    pub(super) fn circles(&self) -> Vec<Circle<'a>> {
        let edges = self.edges();
        let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|file| (*file, reach(&edges, file))).collect();
        let circular = reached.iter().filter(|(file, others)| others.contains(*file));
        let circles: BTreeSet<Vec<&str>> = circular
            .map(|(file, others)| others.iter().filter(|other| reached[*other].contains(file)).copied().collect())
            .collect();
        circles.into_iter().map(|files| Circle { text: describe(&files, &edges), files }).collect()
    }

    fn edges(&self) -> Edges<'a> {
        let mut edges = Edges::new();
        for (path, source) in &self.files {
            let imported = edges.entry(&*source.path).or_default();
            for named in self.imports[&*source.path].iter().filter(|named| !is_passed_on(named, source)) {
                if let Some(to) = self.target(path, named).filter(|to| to.path != source.path) {
                    imported.entry(&*to.path).or_insert(named.line);
                }
            }
        }
        edges
    }

    /// The file that defines what `named` in the module `of` leads to; `None` for another crate.
    fn target(&self, of: &[String], named: &Named) -> Option<&'a Source> {
        self.follow(self.resolve(of, named)?, 0)
    }

    fn resolve(&self, of: &[String], named: &Named) -> Option<Vec<String>> {
        let child = || Some([of, &named.words].concat()).filter(|path| self.files.contains_key(&path[..=of.len()]));
        absolute(of, named).or_else(child)
    }

    /// The file of `path`: that of the module, or the one from which the module has the item to pass on.
    fn follow(&self, path: Vec<String>, passed_on: usize) -> Option<&'a Source> {
        let depth = (0..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth]))?;
        let (module, rest) = path.split_at(depth);
        let file = self.files[module];
        let Some(name) = rest.first().filter(|_| passed_on < MOST_PASSED_ON) else { return Some(file) };
        let mut imports = self.imports[&*file.path].iter();
        let import = imports.find(|import| import.depth == 0 && import.alias.as_ref() == Some(name));
        let origin = import.and_then(|import| self.resolve(module, import)).filter(|origin| *origin != path);
        origin.and_then(|origin| self.follow([&origin, &rest[1..]].concat(), passed_on + 1)).or(Some(file))
    }
}

/// The module in the file `path`, from the root. The program's root is `main`, beside the library's modules.
pub(super) fn module(path: &str) -> Vec<String> {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.split('/').filter(|part| !matches!(*part, "mod" | "lib")).map(str::to_owned).collect()
}

/// A path in the module `of`, from the root; `None` if it begins with a name.
pub(super) fn absolute(of: &[String], named: &Named) -> Option<Vec<String>> {
    let words = &named.words;
    let dots = words.iter().take_while(|word| matches!(&***word, "super" | "self")).count();
    if dots > 0 {
        let ups = words[..dots].iter().filter(|word| *word == "super").count().saturating_sub(named.depth);
        return Some([&of[..of.len().saturating_sub(ups)], &words[dots..]].concat());
    }
    let root = of.iter().take(1).filter(|unit| *unit == PROGRAM).cloned();
    (words[0] == "crate").then(|| root.chain(words[1..].iter().cloned()).collect())
}

/// True for a `pub use` of a name that the code of `source` does not say.
fn is_passed_on(named: &Named, source: &Source) -> bool {
    named.is_public && named.alias.as_ref().is_some_and(|name| source.find(&[name]).len() == 1)
}

fn reach<'a>(edges: &Edges<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = edges[from].keys().copied().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(edges[file].keys());
        }
    }
    reached
}

fn describe(files: &[&str], edges: &Edges<'_>) -> String {
    let imports = files.iter().flat_map(|file| edges[file].iter().map(move |(to, line)| (file, to, line)));
    let inside = imports.filter(|(_, to, _)| files.contains(to));
    inside.map(|(file, to, line)| format!("{file}:{line} imports {to}\n")).collect()
}

const PROGRAM: &str = "main";
/// No name is passed on by more files than that.
const MOST_PASSED_ON: usize = 8;
