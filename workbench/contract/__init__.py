"""What crosses a border: frozen dataclasses that verbs return and doors, panel and REST clients receive.

In: nothing. Out: types only, made of JSON (strings, numbers, booleans, tuples, dicts and each other); times are ISO
8601 in UTC, durations carry their unit in the name. From these types come the OpenAPI document and the TypeScript
contract; there is no second description. One module per noun.
"""
