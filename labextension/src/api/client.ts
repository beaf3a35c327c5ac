import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { IHello, IVerbParams, IVerbResults, VerbWords } from './contract';
import { apiPath, locationParameter, verbs } from './contract';
import { ProblemError, asProblem, localCodes, problemOf } from './problem';

/**
 * Ask the server every time. JupyterLab's usual `no-store` would append the time to the query, and the server refuses
 * parameters that no verb has.
 */
const CACHE: RequestCache = 'no-cache';

/** A value that a verb's parameter may have. */
type ParameterValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly string[]
  | Readonly<Record<string, string>>;

/** What models need of the server; tests put their own in its place. */
export interface IClient {
  /**
   * Ask whether the server extension is there, and which version.
   *
   * @returns A promise that is rejected with a ProblemError.
   */
  hello(): Promise<IHello>;

  /**
   * Carry out a verb.
   *
   * @param words The verb: `review approve`.
   * @param params Its parameters.
   * @param location Contents path of the folder or notebook where the user stands; the server finds the project from it.
   * @returns A promise of the verb's result, rejected with a ProblemError.
   */
  call<V extends VerbWords>(
    words: V,
    params: IVerbParams[V],
    location: string
  ): Promise<IVerbResults[V]>;
}

/** The one way to the server extension: what only reads is a GET, all else a POST with a JSON body. */
export class Client implements IClient {
  /**
   * @param settings Where the server is.
   * @param language Language that the server words its sentences in, where it has them: `ja`.
   */
  constructor(settings: ServerConnection.ISettings, language = 'en') {
    this._settings = settings;
    this._language = language;
  }

  hello(): Promise<IHello> {
    return this._fetch<IHello>(this._url('hello'), { method: 'GET' });
  }

  call<V extends VerbWords>(
    words: V,
    params: IVerbParams[V],
    location: string
  ): Promise<IVerbResults[V]> {
    const { method, path } = verbs[words];
    const query = new URLSearchParams({ [locationParameter]: location });
    const url = this._url(path);
    if (method === 'GET') {
      appendParameters(query, { ...params });
      return this._fetch(`${url}?${query}`, { method });
    }
    return this._fetch(`${url}?${query}`, {
      method,
      body: JSON.stringify(params),
      headers: { 'Content-Type': 'application/json' }
    });
  }

  private _url(path: string): string {
    return URLExt.join(this._settings.baseUrl, apiPath, path);
  }

  private async _fetch<T>(url: string, init: RequestInit): Promise<T> {
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(
        url,
        {
          ...init,
          cache: CACHE,
          headers: { ...init.headers, 'Accept-Language': this._language }
        },
        this._settings
      );
    } catch (error) {
      throw new ProblemError({
        code: localCodes.unreachable,
        message: asProblem(error).message,
        hint: '',
        status: 0
      });
    }
    if (!response.ok) {
      throw await problemOf(response);
    }
    return (await response.json()) as T;
  }

  private readonly _settings: ServerConnection.ISettings;
  private readonly _language: string;
}

/** A list becomes a repeated parameter and a table one `name=value` for each entry, as on the command line. */
function appendParameters(
  query: URLSearchParams,
  params: Record<string, ParameterValue>
): void {
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) {
      continue;
    }
    if (typeof value !== 'object') {
      query.append(name, String(value));
    } else if (Array.isArray(value)) {
      value.forEach((item: string) => query.append(name, item));
    } else {
      Object.entries(value).forEach(([key, item]) =>
        query.append(name, `${key}=${item}`)
      );
    }
  }
}
