/** Version of the panel; the server extension of the same wheel has the same. A test holds it to package.json. */
export const panelVersion = '0.1.0';
