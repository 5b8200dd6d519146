/** Patterns and variables of the cases, as conformance/README.md defines them. */

/** Where a value does not fit, or undefined if it does. */
export function mismatch(pattern: any, found: any, pointer = ''): string | undefined {
  const wrong = `${pointer || 'the whole'}: expected ${JSON.stringify(pattern)}, found ${JSON.stringify(found)}`;
  if (pattern === '$absent') return found === undefined ? undefined : wrong;
  if (pattern === '$any') return found !== undefined ? undefined : wrong;
  if (Array.isArray(pattern)) {
    if (!Array.isArray(found) || found.length !== pattern.length) return wrong;
    return firstOf(
      pattern.map((item, index) => mismatch(item, found[index], `${pointer}/${index}`)),
    );
  }
  if (pattern !== null && typeof pattern === 'object') {
    const [[name, operand] = ['', undefined], ...others] = Object.entries<any>(pattern);
    if (others.length === 0) {
      if (name === '$above') return Number.isInteger(found) && found > operand ? undefined : wrong;
      if (name === '$not') return mismatch(operand, found) ? undefined : wrong;
      if (name === '$contains') {
        return Array.isArray(found) && found.some((item) => !mismatch(operand, item))
          ? undefined
          : wrong;
      }
    }
    if (found === null || typeof found !== 'object' || Array.isArray(found)) return wrong;
    return firstOf(
      Object.entries(pattern).map(([key, member]) =>
        mismatch(member, found[key], `${pointer}/${key}`),
      ),
    );
  }
  return pattern === found ? undefined : wrong;
}

const firstOf = (wrongs: (string | undefined)[]) => wrongs.find((wrong) => wrong !== undefined);

/** What the steps have saved so far. */
export class Variables {
  readonly #values = new Map<string, any>();

  /** Saves what the pointers lead to; of an item, `id` is the place that it hands out. */
  save(saves: Record<string, string> = {}, json: any, id?: string): void {
    for (const [name, pointer] of Object.entries(saves)) {
      const value = pointer === 'id' ? id : at(json, pointer);
      if (value === undefined)
        throw new Error(`save: there is no ${pointer} in ${JSON.stringify(json)}`);
      this.#values.set(name, value);
    }
  }

  /** The value with every variable in it replaced. */
  fill(value: any): any {
    if (typeof value === 'string') return this.#fillText(value);
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, this.fill(member)]),
    );
  }

  /** Parameters and headers: texts, and lists with commas between. */
  fields(fields: Record<string, any> = {}): Record<string, string> {
    return Object.fromEntries(
      Object.entries(fields).map(([name, value]) => {
        const filled = this.fill(value);
        return [name, Array.isArray(filled) ? filled.join(',') : String(filled)];
      }),
    );
  }

  #fillText(text: string): any {
    if (text === '$any' || text === '$absent') return text;
    if (text.startsWith('$$')) return text.slice(1);
    if (text.startsWith('$') && !text.startsWith('${')) return this.#get(text.slice(1));
    return text.replaceAll(/\$\{([^}]*)\}/g, (_, name) => String(this.#get(name)));
  }

  #get(name: string): any {
    if (!this.#values.has(name)) throw new Error(`no step saved a variable ${name}`);
    return this.#values.get(name);
  }
}

function at(json: any, pointer: string): any {
  return pointer
    .split('/')
    .slice(1)
    .reduce((value, key) => value?.[key], json);
}
