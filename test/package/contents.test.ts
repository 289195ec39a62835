import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import lockFile from "../../package-lock.json" with { type: "json" };

const root = join(import.meta.dirname, "..", "..");

/** Files of a folder of the checkout, with `/`. */
const filesIn = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll("\\", "/"),
    );

describe("the tarball of npm pack", () => {
  let paths: string[];

  beforeAll(() => {
    const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      shell: process.platform === "win32",
    });
    // A list of packages in npm 10 and 11, an object by name in later ones.
    const [{ files }] = Object.values(JSON.parse(output)) as { files: { path: string }[] }[];
    paths = files.map(({ path }) => path);
  });

  it("has everything that use needs", () => {
    const needed = ["LICENSE", "README.md", "CHANGELOG.md", "package.json", "scripts/build-native.mjs"];
    const entries = [
      packageJson.bin.reckon,
      packageJson.exports["."].default.slice(2),
      packageJson.exports["."].types.slice(2),
    ];
    const native = filesIn("native").filter((path) => !path.includes("/test/"));
    expect(native.length).toBeGreaterThan(40);
    // Entries under dist/ are built: npm run build.
    const all = [...needed, ...entries, ...native, ...filesIn("recipes")];
    expect(all.filter((path) => !paths.includes(path))).toEqual([]);
  });

  it("has nothing else", () => {
    const allowed =
      /^(dist\/.*(\.js|\.d\.ts)|native\/.*\.(cc|h|def)|recipes\/.*\.(yaml|ts)|scripts\/build-native\.mjs|[A-Z]+(\.md)?|package\.json)$/;
    const unwanted = /(^|\/)(node_modules|test|tests|build)\/|\.test\.|\.golden\./;
    expect(paths.filter((path) => !allowed.test(path) || unwanted.test(path))).toEqual([]);
  });

  it("compiles every source and nothing that is gone", () => {
    const compiled = paths.filter((path) => /^dist\/.*\.js$/.test(path)).map((path) => path.slice(5, -3));
    const sources = filesIn("src").filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
    const gone = compiled.filter((path) => !sources.includes(`src/${path}.ts`));
    expect(gone, "npm run build clears them").toEqual([]);
  });
});

describe("the lock file", () => {
  it("names no registry, so that npm ci uses the one it is configured for", () => {
    expect(JSON.stringify(lockFile)).not.toContain('"resolved"');
  });

  it("has every platform's package of those that differ by platform, so that npm ci works on all", () => {
    const packages = lockFile.packages as Record<string, { optionalDependencies?: Record<string, string> }>;
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.filter((name) => !Object.hasOwn(packages, `node_modules/${name}`))).toEqual([]);
  });

  it("is of this package.json", () => {
    const { dependencies, devDependencies, version } = packageJson;
    expect(lockFile.packages[""]).toMatchObject({ dependencies, devDependencies, version });
  });
});
