"""The one-page report: facts gathered once, figures drawn from them, one template, words in two languages.

In: a project. Out: one HTML document that needs nothing else: style, script, figures and plotly.js are inside, and a
content security policy forbids it to ask any server for anything. Only :mod:`workbench.project.report` calls it.
"""
