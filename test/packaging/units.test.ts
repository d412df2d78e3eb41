/** The packages' units. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOf, PACKAGES } from '../../packaging/stage.ts';

for (const { name } of PACKAGES)
  test(`the unit of ${name} asks for no user namespace, which hosts with user.max_user_namespaces=0 refuse`, () => {
    const unit = readFileSync(join(filesOf(name), `${name}.service`), 'utf8');
    // The settings that give a system service one: systemd.exec(5).
    assert.doesNotMatch(unit, /^(?:PrivateUsers|DelegateNamespaces)=/m);
  });
