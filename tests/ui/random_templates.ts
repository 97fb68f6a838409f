/** Random templates of a `Board`, most of which compile, for properties of what they become. */
import fc from "fast-check";

const TEXTS = fc.constantFrom(
  ..."a| b |\n c|&amp;|&lt;p&gt;|é{{text}}|{{count}}|\n {{text}} b\n|<!-- c -->|&nbsp;|{{}}".split(
    "|",
  ),
);

const ATTRIBUTES = fc.constantFrom(
  "",
  ' class="a"',
  ' title="{{text}} &quot;&lt;"',
  ' class="a {{text}}"',
  ' g-class:on="on"',
  ' g-show="on"',
  ' style="width: {{count}}px; color: red"',
  ' g-click="add(1)"',
  ' g-attr:data-x="count" g-style:top="text"',
  ' g-draggable="count" g-drop="moved"',
  " :dropped=1 data-y",
);

const STRUCTURE = fc.constantFrom(
  "",
  "",
  "",
  ' g-if="on"',
  ' g-for="t in tasks" g-key="t.id"',
  ' g-for="n, i in names"',
  ' g-for="t in tasks" g-if="t.done"',
);

/** Elements that may stand in any other of these. */
const INNER = ["span", "b", "i", "em", "label", "x-y"];
const OUTER = ["div", "section", "ul", "pre", "form", "p", "li", "h1", "a", "button"];

function element(tag: string, attributes: string, inner: string): string {
  return `<${tag}${attributes}>${inner}</${tag}>`;
}

const special = fc.constantFrom(
  '<table><tbody><tr g-for="t in tasks"><td g-if="t.done">{{t.id}}</td><td g-else>x</td></tr></tbody></table>',
  "<table><tr><td>{{text}}</td></tr></table>",
  "<table><caption>{{text}}</caption><colgroup><col><col></colgroup><thead><tr><th>h</th></tr></thead></table>",
  '<select g-bind="text"><option g-for="n in names" g-value="n">{{n}}</option></select>',
  '<select><optgroup label="a"><option g-if="on">x</option></optgroup></select>',
  "<textarea>\n{{text}}</textarea>",
  "<textarea>\n\n x</textarea>",
  '<svg viewBox="0 0 1 1"><g g-for="n in names"><circle r="{{n}}"/></g><foreignObject><p g-if="on">a</p></foreignObject></svg>',
  '<math><mi g-if="on">{{text}}</mi></math>',
  '<input g-bind="text"><br><img alt="{{text}}">',
  '<dl><dt g-for="t in tasks">{{t.id}}</dt><dd>x</dd></dl>',
  '<div g-html="html">x</div>',
  '<div g-plugin:chart="names">x</div>',
  '<ul><template g-for="t in tasks"><li>{{t.title}}</li></template></ul>',
  "<pre>\n\n {{text}} </pre>",
  "<details open><summary>{{text}}</summary>a</details>",
  '<i g-text="text"></i>',
);

const nodes = fc.letrec<{ inner: string; outer: string }>((tie) => ({
  inner: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    TEXTS,
    fc.tuple(
      fc.constantFrom(...INNER),
      ATTRIBUTES,
      STRUCTURE,
      fc.array(tie("inner"), { maxLength: 3 }),
    )
      .map(([tag, attributes, structure, children]) =>
        element(tag, attributes + structure, children.join(""))
      ),
  ),
  outer: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("inner"),
    special,
    fc.tuple(
      fc.constantFrom(...OUTER),
      ATTRIBUTES,
      STRUCTURE,
      fc.array(fc.oneof(tie("outer"), TEXTS), { maxLength: 4 }),
    ).map(([tag, attributes, structure, children]) =>
      element(tag, attributes + structure, children.join(""))
    ),
  ),
})).outer;

/** A template of one element. */
export const randomTemplate: fc.Arbitrary<string> = fc.array(nodes, { maxLength: 5 }).map((parts) =>
  `<div>${parts.join("")}</div>`
);
