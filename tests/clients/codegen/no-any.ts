// No `any` in what the documents of the program take and answer, however deep. Types only.
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";

import type * as program from "./program.js";

type IsAny<Type> = 0 extends 1 & Type ? true : false;

type HasAny<Type> =
  IsAny<Type> extends true
    ? true
    : Type extends readonly (infer Item)[]
      ? HasAny<Item>
      : Type extends object
        ? { [Key in keyof Type]-?: HasAny<Type[Key]> }[keyof Type]
        : false;

type Typed<Type> = [HasAny<Type>] extends [false] ? "typed" : "has an any";

type Documents = Omit<typeof program, "run">;
type Checked = {
  [Key in keyof Documents]: [Typed<ResultOf<Documents[Key]>>, Typed<VariablesOf<Documents[Key]>>];
};

export const checked: Checked = {
  signupDocument: ["typed", "typed"],
  openDocument: ["typed", "typed"],
  topupDocument: ["typed", "typed"],
  transferDocument: ["typed", "typed"],
  statementDocument: ["typed", "typed"],
};

// The check itself: it finds one in the depth.
export const found: Typed<{ edges: ({ node: { metadata: any } } | null)[] }> = "has an any";
