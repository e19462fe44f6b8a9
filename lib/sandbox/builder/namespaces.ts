/** esbuild's namespace of the files that a script is made of: in its own, `file`, it would apply Node's CJS interop to all of them. */
export const LOCAL = 'local'

/** Stands for `import.meta` in the script: imported from a virtual JSON file, which differs by importing file. */
export const META = '__import_meta__'
