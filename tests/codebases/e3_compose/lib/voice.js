export default s => s.toUpperCase() + '!'
export var whisper = s => s.toLowerCase()
