import { PathExt } from '@jupyterlab/coreutils';

/**
 * Return the contents path of the project's folder.
 *
 * The server says where the project lies on its disk, JupyterLab knows where the user stands below the server's root;
 * the project is the nearest folder above the user whose path is the end of the server's.
 *
 * @param root Absolute path of the project on the server.
 * @param location Contents path of a file or folder inside the project.
 */
export function projectFolder(root: string, location: string): string {
  const wanted = root.replaceAll('\\', '/').replace(/\/+$/, '');
  const parts = location.split('/').filter(part => part !== '');
  for (let length = parts.length; length > 0; length--) {
    const candidate = parts.slice(0, length).join('/');
    if (wanted.endsWith(`/${candidate}`)) {
      return candidate;
    }
  }
  return '';
}

/** Return the contents path of a file of the project. */
export function contentsPath(
  root: string,
  location: string,
  file: string
): string {
  return PathExt.join(projectFolder(root, location), file);
}

/** Return a contents path as the project names it: relative to its folder. */
export function projectPath(root: string, path: string): string {
  const folder = projectFolder(root, path);
  return folder === '' ? path : path.slice(folder.length + 1);
}
