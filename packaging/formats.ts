/** The package formats: each takes a staged tree and writes one file. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAINTAINER, VERSION } from './checkout.ts';
import { type Architecture, TARGETS } from './runtime.ts';
import { filesOf, installedKiB, type Package } from './stage.ts';

/** A staged tree and where its package goes. */
export interface Staged {
  readonly one: Package;
  readonly architecture: Architecture;
  /** The tree that stands for `/`. */
  readonly root: string;
  /** An empty folder for what the tools need meanwhile. */
  readonly scratch: string;
  /** Path of the finished file. */
  readonly out: string;
  /** The time that everything carries, Unix seconds. */
  readonly seconds: number;
}

/** The formats by their file ending. Each writes the file and gives its path; it throws where its tool is missing or fails. */
export const FORMATS: Readonly<Record<string, (staged: Staged) => string>> = { deb, rpm, 'tar.gz': tarball };

const nameOf = ({ one, architecture }: Staged, ending: string): string =>
  `${one.name}_${VERSION}_${architecture}.${ending}`;

function run(program: string, args: readonly string[], { seconds }: Staged): void {
  execFileSync(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds), LC_ALL: 'C', TZ: 'UTC' },
  });
}

/** Writes a Debian package. Its runtime needs glibc 2.28 and libstdc++ of GCC 8, which Debian 10 and later have. */
function deb(staged: Staged): string {
  const { one, architecture, root, scratch, out } = staged;
  const tree = join(scratch, 'deb');
  // Node's own copy gives folders the permissions that the umask leaves.
  run('cp', ['-a', root, tree], staged);
  const control = join(tree, 'DEBIAN');
  makePublic(control);
  const put = (name: string, text: string, mode: number): void => {
    writeFileSync(join(control, name), text);
    chmodSync(join(control, name), mode);
  };
  put(
    'control',
    `Package: ${one.name}
Version: ${VERSION}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKiB(root)}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), systemd
Section: admin
Priority: optional
Description: ${one.summary}
${wrapped(one.description)}
`,
    0o644,
  );
  for (const script of ['preinst', 'postinst', 'prerm', 'postrm'])
    put(script, readFileSync(join(filesOf(one.name), script), 'utf8').replaceAll('@VERSION@', VERSION), 0o755);
  if (one.configuration.length > 0) put('conffiles', `${one.configuration.join('\n')}\n`, 0o644);
  const overrides = join(filesOf(one.name), 'lintian-overrides');
  if (existsSync(overrides)) {
    for (const path of ['usr/share/lintian', 'usr/share/lintian/overrides']) makePublic(join(tree, path));
    const override = join(tree, 'usr/share/lintian/overrides', one.name);
    cpSync(overrides, override);
    chmodSync(override, 0o644);
  }
  const path = join(out, nameOf(staged, 'deb'));
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z9', '--build', tree, path], staged);
  return path;
}

/** Makes a folder that everybody may read, whatever the umask is. */
function makePublic(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}

/** Breaks a description into the indented lines that Debian's control file takes, 79 characters at most. */
function wrapped(text: string): string {
  return text.replaceAll(/(.{1,78})(?: |$)/g, ' $1\n').trimEnd();
}

/** Writes an RPM package, whose scripts do what the Debian ones do. */
function rpm(staged: Staged): string {
  const { one, architecture, root, scratch, out } = staged;
  const files = execFileSync('find', ['.', '-type', 'f', '-printf', '/%P\\n'], { cwd: root, encoding: 'utf8' });
  const listed = files
    .trim()
    .split('\n')
    .sort()
    .map((path) =>
      one.configuration.includes(path) ? `%config(noreplace) %attr(0640,root,root) ${path}` : `"${path}"`,
    );
  const script = (name: string, setup: string): string =>
    `${setup}\n${readFileSync(join(filesOf(one.name), name), 'utf8').replace(/^#!.*\n/, '')}`;
  const spec = join(scratch, `${one.name}.spec`);
  writeFileSync(
    spec,
    `%global __os_install_post %{nil}
%global _build_id_links none
%global debug_package %{nil}
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _buildhost reproducible
%global _binary_payload w9.xzdio
Name: ${one.name}
Version: ${VERSION}
Release: 1
Summary: ${one.summary}
License: MIT
AutoReqProv: no
Requires: glibc >= 2.28, libstdc++ >= 8, systemd, util-linux, shadow-utils
%description
${one.description}
%install
cp -a ${root}/. %{buildroot}/
%post
${script('postinst', 'if [ "$1" -gt 1 ]; then set -- configure upgrade; else set -- configure ""; fi')}
%preun
${script('prerm', 'if [ "$1" = 0 ]; then set -- remove; else set -- upgrade; fi')}
%postun
${script('postrm', 'if [ "$1" = 0 ]; then set -- remove; else set -- upgrade; fi')}
%files
%defattr(-,root,root,-)
${listed.join('\n')}
`,
  );
  const top = join(scratch, 'rpm');
  const target = `${TARGETS[architecture].rpm}-linux`;
  run('rpmbuild', ['-bb', '--quiet', '--target', target, '--define', `_topdir ${top}`, spec], staged);
  const path = join(out, nameOf(staged, 'rpm'));
  const built = `${one.name}-${VERSION}-1.${TARGETS[architecture].rpm}.rpm`;
  renameSync(join(top, 'RPMS', TARGETS[architecture].rpm, built), path);
  return path;
}

/** Writes the tree as it is, for systems with neither package manager. */
function tarball(staged: Staged): string {
  const path = join(staged.out, nameOf(staged, 'tar.gz'));
  const plain = join(staged.scratch, 'tree.tar');
  const owned = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--mtime=@${staged.seconds}`,
    '--format=gnu',
  ];
  run('tar', [...owned, '-C', staged.root, '-cf', plain, '.'], staged);
  run('gzip', ['-9', '-n', '-f', plain], staged);
  renameSync(`${plain}.gz`, path);
  return path;
}
