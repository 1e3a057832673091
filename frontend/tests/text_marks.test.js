import assert from "node:assert/strict";
import { test } from "node:test";
import { removeMarks } from "../../static/hub/common/text_marks.js";

for (const [text, plain] of [
  ["*Atenção*: _saiu_ ~ontem~ agora", "Atenção: saiu ontem agora"],
  ["_*tudo* junto_ e `*código*`", "tudo junto e *código*"],
  ["```um *bloco*```", "um *bloco*"],
  ["2*3*4, um_nome_só e https://exemplo.com/_b_/c", "2*3*4, um_nome_só e https://exemplo.com/_b_/c"],
  ["> *é* isso\n> sim", "é isso\nsim"],
  ["***", "***"],
])
  test(`${JSON.stringify(text)} is shown as ${JSON.stringify(plain)}`, () => {
    assert.equal(removeMarks(text), plain);
  });
